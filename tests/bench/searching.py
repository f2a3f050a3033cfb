"""Search over 100,000 books: what it takes, against SQLite's FTS5 on the same books.

The books are the 10,000 of goodbooks (else the sample), again and again as editions of their own,
each with a description of 40 words drawn from all titles, so that words are as frequent as they
are there: the commonest stand in nearly every book, most in few.
"""

import csv
import random
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from bvinv.core import catalog, command_log
from bvinv.core.db import Database
from bvinv.core.imports import products
from bvinv.core.imports import stock as stock_imports
from bvinv.core.search import search
from bvinv.core.search import words as search_text
from bvinv.core.search.index import Index
from tests.bench.importing import REAL, SAMPLE
from tests.bench.measure import (
    ACTOR,
    WAREHOUSE,
    Options,
    Result,
    child_environment,
    fresh_database,
    interleaved,
    milliseconds,
    program,
    progress,
    rate,
    raw_connection,
    run,
    seconds,
)

BOOKS = 100_000
EDITIONS = ("Illustrated", "Annotated", "Pocket", "Large Print", "Collector's", "School")
COMMON = ("world", "my")  # in one book of ten, and in one of four
TURNS = 200
CHANGES = 100
_FACETS = {
    "genre": "SELECT c.slug, count(*) FROM found JOIN product AS p ON p.id = found.rowid "
    "JOIN category AS c ON c.id = p.category_id GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 20",
    "author": "SELECT p.author, count(*) FROM found JOIN product AS p ON p.id = found.rowid "
    "GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 20",
    "price": "SELECT p.price / 1000, count(*) FROM found "
    "JOIN product AS p ON p.id = found.rowid GROUP BY 1",
    "rating": "SELECT p.rating / 100, count(*) FROM found "
    "JOIN product AS p ON p.id = found.rowid GROUP BY 1",
    "status": "SELECT p.status, count(*) FROM found "
    "JOIN product AS p ON p.id = found.rowid GROUP BY 1",
    "availability": "SELECT EXISTS (SELECT 1 FROM stock_level AS l WHERE "
    "l.product_id = found.rowid AND l.on_hand > l.reserved), count(*) FROM found GROUP BY 1",
}


def measure(options: Options) -> list[Result]:
    """Index, search, suggest, catch up, and start cold."""
    path = options.folder / "books.db"
    progress(f"importing {BOOKS:,} books")
    source = _import(path, options.folder)
    database = Database(path)
    folder = Path(f"{path}.search")
    index = Index(folder)
    results = [_indexing(database, folder, source, options.repeat)]
    with database.read() as session:
        index.rebuild(session)
    progress("filling FTS5")
    connection = _fts5(path, options.folder / "fts5.db")
    results += [_searching(database, index, connection, word) for word in COMMON]
    connection.close()
    results += [_suggesting(database, index), _catching_up(database, index)]
    database.close()
    results.append(_cold(path, options))
    return results


def _import(path: Path, folder: Path) -> str:
    """Fill the database; return where the books are from."""
    source = REAL if REAL.exists() else SAMPLE
    with source.open(encoding="utf-8", newline="") as file:
        books = list(csv.DictReader(file, strict=True))
    words = [word for book in books for word in search_text.words(book["title"])]
    chance = random.Random(7)
    target = folder / "books.csv"
    kept = ("sku", "isbn", "title", "author", "genre", "price", "publication_date", "rating")
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*kept, "description"])
        for number in range(BOOKS):
            turn, place = divmod(number, len(books))
            book = dict(books[place])
            if turn:
                book["sku"] = f"{book['sku']}-{turn}"
                book["isbn"] = ""
                book["title"] = f"{book['title']} {EDITIONS[turn % len(EDITIONS)]} Edition {turn}"
            said = " ".join(chance.choices(words, k=40))
            writer.writerow([*(book.get(name, "") for name in kept), said])
    database = fresh_database(path)
    with target.open("rb") as file:
        row = products.import_products(database, file, actor=ACTOR, name="books.csv")
    assert row.rejected == 0, row.errors
    stock = folder / "stock.csv"
    with target.open(encoding="utf-8", newline="") as file, stock.open("w") as levels:
        levels.write("sku,warehouse,quantity\n")
        levels.writelines(
            f"{book['sku']},{WAREHOUSE},5\n"
            for place, book in enumerate(csv.DictReader(file))
            if place % 3 == 0
        )
    with stock.open("rb") as file:
        stock_imports.import_stock(database, file, actor=ACTOR, name="stock.csv")
    database.close()
    return source.name


def _indexing(database: Database, folder: Path, source: str, repeat: int) -> Result:
    def build() -> float:
        shutil.rmtree(folder, ignore_errors=True)
        with database.read() as session:
            return seconds(lambda: Index(folder).rebuild(session))

    [took] = interleaved(min(repeat, 3), build)
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    return Result(
        f"index {BOOKS:,} books",
        "–",
        rate(BOOKS, took),
        "–",
        "20,000/s",
        BOOKS / took >= 20_000,
        f"{source}, repeated, with descriptions; {size / 2**20:.0f} MB",
    )


def _searching(database: Database, index: Index, connection: Any, word: str) -> Result:
    """Compare top 20 with all facets: a snapshot and a catch-up check each, in process.

    FTS5 ranks once, into a temporary table that every facet is then counted from.
    """
    total = 0

    def ours() -> None:
        nonlocal total
        with database.read() as session:
            total = search.search(session, index, query=word, facets=True).total

    def theirs() -> None:
        connection.execute("DELETE FROM found")
        connection.execute(
            "INSERT INTO found SELECT rowid, bm25(book, 3.0, 2.0, 0.4) FROM book "
            "WHERE book MATCH ?",
            (f'"{word}"*',),
        )
        connection.execute(
            "SELECT p.* FROM found JOIN product AS p ON p.id = found.rowid ORDER BY rank LIMIT 20"
        ).fetchall()
        for statement in _FACETS.values():
            connection.execute(statement).fetchall()

    times = _times(ours, TURNS)
    floor, took = interleaved(5, lambda: seconds(theirs), lambda: median(_times(ours, 10)))
    last = _percentile(times)
    return Result(
        f"search '{word}', top 20, all facets",
        f"FTS5 bm25: {milliseconds(floor)}",
        f"{milliseconds(took)}, p99 {milliseconds(last)}",
        f"{floor / took:.0f}x faster",
        "30x, p99 < 5 ms",
        floor / took >= 30 and last < 0.005,
        f"{total:,} results; each a snapshot, a check for changes, live stock",
    )


def _fts5(path: Path, target: Path) -> Any:
    shutil.copyfile(path, target)
    connection = raw_connection(target)
    connection.execute(
        "CREATE VIRTUAL TABLE book USING fts5(title, author, description, content='product', "
        "content_rowid='id', tokenize='unicode61 remove_diacritics 2', prefix='2 3')"
    )
    connection.execute("INSERT INTO book (book) VALUES ('rebuild')")
    connection.execute("INSERT INTO book (book) VALUES ('optimize')")
    connection.execute("CREATE TEMP TABLE found (rowid INTEGER PRIMARY KEY, rank REAL)")
    return connection


def _suggesting(database: Database, index: Index) -> Result:
    prefixes = [*"abcdefghijklmnopqrstuvwxyz", "th", "ha", "the", "har", "harry", "harry po"]
    prefixes += ["steph", "stephen k", "illus", "the st", "gb-00", "97804", "lord of the r"]

    def suggest(prefix: str) -> Callable[[], None]:
        def once() -> None:
            with database.read() as session:
                search.suggest(session, index, prefix=prefix)

        return once

    times = [took for prefix in prefixes for took in _times(suggest(prefix), TURNS // 10)]
    last = _percentile(times)
    return Result(
        "suggest",
        "–",
        f"{milliseconds(median(times))}, p99 {milliseconds(last)}",
        "–",
        "p99 < 2 ms",
        last < 0.002,
        f"{len(prefixes)} prefixes, each letter among them",
    )


def _catching_up(database: Database, index: Index) -> Result:
    """Time the first search after one product changed, again and again."""
    times = []
    for number in range(CHANGES):
        said = f"caughtup{number}"
        asked = command_log.command("bench", actor=ACTOR)
        command_log.execute(
            database,
            lambda s, to=said, at=number: catalog.change(
                s, ref=f"GB-{at * 97 + 1:05}", fields={"description": f"Now {to}"}
            ),
            asked,
        )

        def look(to: str = said) -> None:
            with database.read() as session:
                assert search.search(session, index, query=to).total == 1

        times.append(seconds(look))
    with database.read() as session:
        segments = index.ask(session, lambda searcher, _: searcher.num_segments)
    last = _percentile(times)
    return Result(
        f"catch-up after 1 change of {BOOKS:,}",
        "–",
        f"{milliseconds(median(times))}, p99 {milliseconds(last)}",
        "–",
        "< 50 ms",
        last < 0.05,
        f"{CHANGES} in a row; {segments} segments afterwards",
    )


def _cold(path: Path, options: Options) -> Result:
    env = child_environment()
    floor = [sys.executable, "-c", "import typer, sqlmodel, tantivy"]
    command: list[Path | str] = [program(), "--db", path, "search", "python"]

    def once(words: list[Any]) -> Callable[[], float]:
        return lambda: seconds(lambda: run(words, folder=options.folder, env=env))

    interleaved(1, once(floor), once(command))
    least, took = interleaved(max(options.repeat, 5) * 2, once(floor), once(command))
    return Result(
        "bvinv search python",
        f"import typer, sqlmodel, tantivy: {milliseconds(least)}",
        milliseconds(took),
        f"{took / least:.2f}x its time",
        "≤ 1.4x",
        took / least <= 1.4,
        f"{BOOKS:,} books",
    )


def _times(action: Callable[[], None], turns: int) -> list[float]:
    action()
    return [seconds(action) for _ in range(turns)]


def _percentile(times: list[float]) -> float:
    """Return the 99th percentile."""
    return sorted(times)[int(len(times) * 0.99) - 1]
