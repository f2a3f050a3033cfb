"""What a reference names: a product by SKU, barcode, ISBN-10 or ISBN-13."""

from collections.abc import Iterable
from typing import NamedTuple

from bvinv.core import isbn, text
from bvinv.core.db import Session, Sql
from bvinv.core.errors import InvalidInput, NotFound
from bvinv.core.models.base import MOST


class Item(NamedTuple):
    """A product, as far as stock needs to know it; its name stands for `pack` pieces."""

    id: int
    sku: str
    pack: int = 1

    def pieces(self, quantity: int) -> int:
        """Return how many pieces so many of what was named are: a case's barcode stands for
        several. Raises InvalidInput for more than a level can hold."""
        return text.quantity(quantity * self.pack, minimum=-MOST, maximum=MOST)


# Each gives a product's id, its SKU and the name that it was found by.
BY_SKU = Sql("SELECT id, sku, sku_key AS name, 1 AS pack FROM product WHERE sku_key IN :names")
BY_BARCODE = Sql("""
    SELECT p.id, p.sku, b.code AS name, b.pack_quantity AS pack
      FROM barcode AS b JOIN product AS p ON p.id = b.product_id
     WHERE b.code IN :names
""")
BY_ISBN = Sql("SELECT id, sku, isbn AS name, 1 AS pack FROM product WHERE isbn IN :names")


# Locked, so that of two changes which make a circle together one waits and then sees the other;
# by id, as everybody locks products, and rows that refer to them may come meanwhile.
_LOCK_ABOVE = Sql(
    """
    SELECT id FROM product WHERE id IN (
        WITH RECURSIVE above(id, parent) AS (
            SELECT id, variant_of FROM product WHERE id IN :ids
             UNION
            SELECT p.id, p.variant_of FROM product AS p JOIN above AS a ON p.id = a.parent)
        SELECT id FROM above)
     ORDER BY id
    """,
    lock="FOR NO KEY UPDATE",
)
_CIRCLE = Sql("""
    WITH RECURSIVE above(id, parent, began) AS (
        SELECT id, variant_of, id FROM product WHERE id IN :ids
         UNION
        SELECT p.id, p.variant_of, a.began FROM product AS p JOIN above AS a ON p.id = a.parent)
    SELECT p.sku FROM above AS a JOIN product AS p ON p.id = a.began
     WHERE a.parent = a.began LIMIT 1
""")


def lock_above(session: Session, ids: Iterable[int]) -> None:
    """Lock these products and those that they are variants of until the transaction ends."""
    session.ask(_LOCK_ABOVE, ids=sorted(ids))


def refuse_circle(session: Session, ids: Iterable[int]) -> None:
    """Raise InvalidInput if one of these products has become a variant of its own variant."""
    ids = sorted(ids)
    lock_above(session, ids)
    found = session.ask(_CIRCLE, ids=ids)
    if found:
        raise InvalidInput(f"{found[0].sku} would be a variant of its own variant")


def named(session: Session, refs: Iterable[str]) -> dict[str, Item]:
    """Return the product that each reference names: a SKU, a barcode, an ISBN-10 or ISBN-13.

    A SKU goes before a barcode, a barcode before an ISBN. Raises NotFound with every reference
    that names nothing.
    """
    refs = dict.fromkeys(refs)
    found = known(session, refs)
    missing = [ref for ref in refs if ref not in found]
    if missing:
        raise NotFound(
            "there is no product " + ", ".join(text.quoted(ref) for ref in missing[:5]),
            hint=isbn.misread(missing[0]) or "see: bvinv products list",
            errors=[{"sku": ref, "detail": "unknown product"} for ref in missing[1:] and missing],
        )
    return found


def known(session: Session, refs: Iterable[str]) -> dict[str, Item]:
    """Return the products that these references name, without those that name nothing."""
    left = {ref: text.code(ref, what="product", maximum=100) for ref in refs}
    found: dict[str, Item] = {}

    def look(statement: Sql, names: dict[str, str]) -> None:
        if not names:
            return
        rows = session.ask(statement, names=sorted(set(names.values())))
        by_name = {row.name: Item(row.id, row.sku, row.pack) for row in rows}
        for ref, name in names.items():
            if name in by_name:
                found[ref] = by_name[name]
                del left[ref]

    look(BY_SKU, {ref: text.key(name) for ref, name in left.items()})
    look(BY_BARCODE, dict(left))
    isbns = {ref: isbn.find(name) for ref, name in left.items()}
    look(BY_ISBN, {ref: number for ref, number in isbns.items() if number})
    return found


def one(session: Session, ref: str) -> Item:
    """Return the product that the reference names. Raises NotFound."""
    return named(session, [ref])[ref]
