"""What the tests of imports say often: load, count, be killed."""

import io
from pathlib import Path
from typing import Any

from bvinv.core.db import Database
from bvinv.core.imports import products, stock
from bvinv.core.imports.runs import Layout, Terms, Watch
from bvinv.core.models.import_ import ImportRow

PRODUCTS = """
    SELECT p.sku, p.title, p.isbn, p.author, p.price, p.status, c.slug, above.sku, p.version
      FROM product AS p LEFT JOIN category AS c ON c.id = p.category_id
           LEFT JOIN product AS above ON above.id = p.variant_of
     ORDER BY p.sku_key
"""


class Killed(Watch):
    """Ends a run as soon as so many rows are done."""

    def __init__(self, rows: int) -> None:
        self.rows = rows

    def took(self, rows: int, _: float) -> None:
        if rows >= self.rows:
            raise KeyboardInterrupt


def load(
    database: Database, content: Any, *, on_existing: Any = "update", actor: str = "tester", **more
) -> ImportRow:
    """Import products from text, bytes, a path or an open file."""
    with _source(content) as source:
        return products.import_products(
            database,
            source,
            actor=actor,
            name="a.csv",
            on_existing=on_existing,
            layout=_layout(more),
            terms=Terms(**more),
        )


def load_stock(database: Database, content: Any, **more) -> ImportRow:
    """Import stock from text, bytes, a path or an open file."""
    with _source(content) as source:
        return stock.import_stock(
            database,
            source,
            actor="tester",
            name="a.csv",
            layout=_layout(more),
            terms=Terms(**more),
        )


def counts(row: ImportRow) -> tuple[int, int, int, int, int]:
    return row.rows, row.created, row.updated, row.skipped, row.rejected


def errors(row: ImportRow) -> list[tuple[int, str, str, str]]:
    return [tuple(error.values()) for error in row.errors]


def numbered(rows: int) -> str:
    """Return a file of so many products."""
    lines = (f"SKU-{number:06},Title {number},Fiction" for number in range(rows))
    return "sku,title,genre\n" + "\n".join(lines) + "\n"


def _source(content: Any) -> Any:
    if isinstance(content, Path):
        return content.open("rb")
    if isinstance(content, str):
        content = content.encode()
    return io.BytesIO(content) if isinstance(content, bytes) else content


def _layout(more: dict[str, Any]) -> Layout:
    return Layout(**{name: more.pop(name) for name in [*more] if name in Layout._fields})
