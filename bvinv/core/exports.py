"""The export of products: rows that an import takes back as they are."""

import csv
import json
from collections.abc import Iterator
from typing import Any, Literal, TextIO

from bvinv.core import dates, money
from bvinv.core.db import Database, Session, Sql
from bvinv.core.product_fields import PARSERS

COLUMNS = tuple(PARSERS)
_PAGE = 1000
_BARCODES = Sql("SELECT product_id, code FROM barcode WHERE product_id IN :products ORDER BY code")


def write(database: Database, target: TextIO, format: Literal["csv", "jsonl"]) -> int:
    """Write every product and return how many; `target` must not translate line ends."""
    count = 0
    table = csv.writer(target, lineterminator="\n")  # no stored text has a CR in it
    if format == "csv":
        table.writerow(COLUMNS)
    for row in products(database):
        if format == "csv":
            table.writerow(row.values())
        else:
            target.write(json.dumps(row, ensure_ascii=False) + "\n")
        count += 1
    return count


def products(database: Database) -> Iterator[dict[str, str]]:
    """Yield every product as the cells of an import file, parents before their variants.

    Each thousand is a snapshot of its own, so that a long export keeps no transaction open. Not
    in the file: popularity, version, instants, and how many pieces a barcode stands for.
    """
    generation = 0
    while True:
        statement = _statement(generation)
        after = ""
        while True:
            with database.read() as session:
                page = _page(session, statement, after)
            if not page:
                break
            after = page[-1][0]
            yield from (row for _, row in page)
        if not after:
            return
        generation += 1


def _statement(generation: int) -> Sql:
    """Return the query for the products that have this many ancestors."""
    ancestors = "".join(
        f" JOIN product AS p{age} ON p{age}.id = p{age - 1}.variant_of"
        for age in range(1, generation + 1)
    )
    parent = "p1.sku" if generation else "NULL"
    return Sql(f"""
        SELECT p0.*, c.slug AS category, {parent} AS parent FROM product AS p0{ancestors}
               LEFT JOIN category AS c ON c.id = p0.category_id
         WHERE p{generation}.variant_of IS NULL AND p0.sku_key > :after
         ORDER BY p0.sku_key LIMIT {_PAGE}
    """)


def _page(session: Session, statement: Sql, after: str) -> list[tuple[str, dict[str, str]]]:
    found = session.ask(statement, after=after)
    codes: dict[int, list[str]] = {}
    if found:
        for product, code in session.ask(_BARCODES, products=[row.id for row in found]):
            codes.setdefault(product, []).append(code)
    return [(row.sku_key, _cells(row, codes.get(row.id, []))) for row in found]


def _cells(row: Any, codes: list[str]) -> dict[str, str]:
    cells = {column: getattr(row, column, None) for column in COLUMNS}
    if row.price is not None:
        cells["price"] = money.display(row.price, row.currency)
    if row.publication_date is not None:
        cells["publication_date"] = dates.display(row.publication_date)
    if row.rating is not None:
        cells["rating"] = f"{row.rating // 100}.{row.rating % 100:02}"
    for column in ("attributes", "options"):
        if cells[column] == "{}":
            cells[column] = ""
    cells["variant_of"] = row.parent
    cells["barcode"] = " ".join(codes)
    return {column: cell or "" for column, cell in cells.items()}
