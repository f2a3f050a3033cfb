"""Fifty queries over ten thousand real books: the book that is meant comes first."""

import pytest

from bvinv.core.db import Database
from bvinv.core.imports import products
from bvinv.core.search import search
from bvinv.core.search.index import Index
from tests.books import ask
from tests.conftest import shared_data

# What somebody types, and how the title of the first result begins.
QUERIES = [
    # Titles as they are, also such as are made of words that stand in every title.
    ("It", "It"),
    ("1984", "1984"),
    ("The Stand", "The Stand"),
    ("Emma", "Emma"),
    ("Night", "Night (The Night Trilogy"),
    ("We", "We"),
    ("Hamlet", "Hamlet"),
    ("Who Moved My Cheese", "Who Moved My Cheese?"),
    ("The Road", "The Road"),
    ("On the Road", "On the Road"),
    ("The Hunger Games", "The Hunger Games (The Hunger Games, #1)"),
    ("Catching Fire", "Catching Fire (The Hunger Games, #2)"),
    ("Lord of the Flies", "Lord of the Flies"),
    ("Brave New World", "Brave New World"),
    # Without the article, or only a part.
    ("hobbit", "The Hobbit"),
    ("alchemist", "The Alchemist"),
    ("stand", "The Stand"),
    ("kill mockingbird", "To Kill a Mockingbird"),
    ("sorcerer's stone", "Harry Potter and the Sorcerer's Stone"),
    ("sorcerers stone", "Harry Potter and the Sorcerer's Stone"),
    ("curious incident", "The Curious Incident of the Dog in the Night-Time"),
    ("man who mistook his wife", "The Man Who Mistook His Wife for a Hat"),
    # Only begun.
    ("the da vinci co", "The Da Vinci Code"),
    ("slaughterh", "Slaughterhouse-Five"),
    ("to kill a mock", "To Kill a Mockingbird"),
    ("harry potter and the goblet of fi", "Harry Potter and the Goblet of Fire"),
    # Hyphens, apostrophes, joined and apart.
    ("catch 22", "Catch-22"),
    ("catch22", "Catch-22"),
    ("slaughterhouse five", "Slaughterhouse-Five"),
    ("the handmaids tale", "The Handmaid's Tale"),
    ("enders game", "Ender's Game"),
    ("night time dog", "The Curious Incident of the Dog in the Night-Time"),
    # Author and a word.
    ("tolkien hobbit", "The Hobbit"),
    ("orwell farm", "Animal Farm"),
    ("jrr tolkien fellowship", "The Fellowship of the Ring"),
    ("austen pride", "Pride and Prejudice"),
    ("stephen king shining", "The Shining"),
    # Accents that are missing, or too many.
    ("garcia marquez solitude", "One Hundred Years of Solitude"),
    ("bronte jane eyre", "Jane Eyre"),
    ("les miserables", "Les Misérables"),
    ("saint exupery", "The Little Prince"),
    ("Dünë", "Dune"),
    # Mistyped.
    ("harry poter azkaban", "Harry Potter and the Prisoner of Azkaban"),
    ("pride and predjudice", "Pride and Prejudice"),
    ("the grat gatsby", "The Great Gatsby"),
    ("frankenstien", "Frankenstein"),
    ("hitchikers guide galaxy", "The Hitchhiker's Guide to the Galaxy"),
    # Series, ISBN, SKU, a phrase.
    ("hunger games 3", "Mockingjay (The Hunger Games, #3)"),
    ("978-0-439-02348-1", "The Hunger Games"),
    ("GB-00002", "Harry Potter and the Sorcerer's Stone"),
    ('"game of thrones"', "A Game of Thrones"),
    ("a game of thrones", "A Game of Thrones (A Song of Ice and Fire, #1)"),
]


@pytest.fixture(scope="module")
def shop(sqlite_template, tmp_path_factory):
    """Return a database with the 10,000 books, and its index."""
    source = shared_data("goodbooks/catalogue.csv")
    path = tmp_path_factory.mktemp("goodbooks") / "shop.db"
    path.write_bytes(sqlite_template.read_bytes())
    path.chmod(0o600)
    database = Database(path)
    with source.open("rb") as file:
        row = products.import_products(database, file, actor="tester", name=source.name)
    assert row.rejected == 0
    yield database, Index(path.parent / "index")
    database.close()


@pytest.mark.parametrize(("query", "title"), QUERIES, ids=[query for query, _ in QUERIES])
def test_the_book_that_is_meant_comes_first(shop, query, title):
    database, index = shop

    found = ask(database, lambda s: search.search(s, index, query=query, limit=5))

    assert found.results[0].title.startswith(title), [row.title for row in found.results]


def test_there_are_fifty_of_them():
    assert len(dict(QUERIES)) >= 50


def test_pages_put_together_are_the_whole_answer_without_repetition(shop):
    database, index = shop
    for sort in ("relevance", "price", "-price", "rating", "-rating", "publication-date", "title"):
        whole = ask(
            database, lambda s, by=sort: search.search(s, index, query="the", sort=by, limit=1000)
        )
        pages = []
        for offset in range(0, 1000, 70):
            part = ask(
                database,
                lambda s, by=sort, at=offset: search.search(
                    s, index, query="the", sort=by, limit=70, offset=at
                ),
            )
            pages += [row.id for row in part.results]

        assert pages[:1000] == [row.id for row in whole.results], sort
        assert len(set(pages)) == len(pages)
