"""Rows of products on their way in: what each says, and which product it means."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from bvinv.core import text
from bvinv.core.db import Session, Sql
from bvinv.core.files.sheets import Record
from bvinv.core.prices import Wish

ISBNS = Sql("SELECT isbn AS name, sku FROM product WHERE isbn IN :names")
BARCODES = Sql("""
    SELECT b.code AS name, p.sku FROM barcode AS b JOIN product AS p ON p.id = b.product_id
     WHERE b.code IN :names
""")


class Incoming(NamedTuple):
    """What a row says, as column values; blank cells say nothing.

    `key` is empty and `name` the one of `unique` that the product goes by, in a file without SKUs.
    `category` is its slug and its name, `parent` a SKU, `price` the text of a price whose
    currency the row leaves open. `unique` are its ISBN and barcodes, written as no SKU can be:
    `isbn=9780439023481`.
    """

    record: Record
    key: str
    name: str
    values: dict[str, Any]
    barcodes: dict[str, int] | None
    category: tuple[str, str] | None
    parent: str | None
    price: str
    unique: Sequence[str]


class Accepted(NamedTuple):
    """A row that will be written: a new product (`stored` is None), or changes of a stored one."""

    row: Incoming
    stored: Any
    values: dict[str, Any]
    fields: list[str]  # that change
    parent: str | None  # the key of a product that is new in this chunk, too
    wish: Wish | None  # for another price


class Fault(NamedTuple):
    """Why a row cannot be taken: code, field and message."""

    code: str
    field: str
    message: str


def with_keys(session: Session, rows: list[Incoming]) -> list[Incoming]:
    """Return the rows, each with the key of its product: in a file without SKUs, of that which has
    the row's ISBN or barcode, or of a new one that is called so."""
    names: dict[str, list[str]] = {"isbn": [], "barcode": []}
    for row in rows:
        if row.name:
            field, code = said(row.name)
            names[field].append(code)
    if not any(names.values()):
        return rows
    skus: dict[str, str] = {}
    for field, sql in (("isbn", ISBNS), ("barcode", BARCODES)):
        if names[field]:
            found = session.ask(sql, names=sorted(set(names[field])))
            skus |= {f"{field}={name}": sku for name, sku in found}

    def keyed(row: Incoming) -> Incoming:
        sku = skus.get(row.name) or said(row.name)[1]
        return row._replace(key=text.key(sku), values={"sku": sku, **row.values})

    return [*map(keyed, rows)]


def said(name: str) -> tuple[str, str]:
    field, _, code = name.partition("=")
    return field, code


def shown(field: str) -> str:
    return field if field == "barcode" else field.upper()


def wish(stored: Any, values: dict[str, Any]) -> Wish | None:
    """Return the wish of a row for another price, if it has one."""
    if "price" not in values:
        return None
    if (values["price"], values["currency"]) == (stored.price, stored.currency):
        return None
    return Wish.of(stored, values["price"], values["currency"])
