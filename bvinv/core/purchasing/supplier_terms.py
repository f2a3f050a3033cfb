"""Terms: what a supplier asks for a product, and in which quantities they sell it."""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bvinv.core import command_log, items, money, text
from bvinv.core.command_log import Tale
from bvinv.core.db import Session, Sql
from bvinv.core.errors import NotFound
from bvinv.core.models.supplier import TermRow

if TYPE_CHECKING:
    from bvinv.core.purchasing.suppliers import Seller

_SHOWN = """
    SELECT s.code AS supplier, s.currency, p.id AS product_id, p.sku, t.supplier_sku, t.cost
         , t.pack_size, t.minimum_quantity
      FROM supplier_term AS t JOIN supplier AS s ON s.id = t.supplier_id
           JOIN product AS p ON p.id = t.product_id
     WHERE t.supplier_id = :supplier {where} ORDER BY p.sku_key
"""
_ALL = Sql(_SHOWN.format(where=""))
_PAGE = Sql(_SHOWN.format(where="AND p.sku_key > :after") + " LIMIT :limit")
_SOME = Sql(_SHOWN.format(where="AND t.product_id IN :products"))
_COLUMNS = ("supplier_sku", "cost", "pack_size", "minimum_quantity")
_PUT = Sql.insert(
    "supplier_term",
    "supplier_id",
    "product_id",
    *_COLUMNS,
    after="ON CONFLICT (supplier_id, product_id) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS),
)
_DROP = Sql("DELETE FROM supplier_term WHERE supplier_id = :supplier AND product_id = :product")
_BLANK: dict[str, Any] = {
    "supplier_sku": "",
    "cost": None,
    "pack_size": 1,
    "minimum_quantity": 1,
}


def put(
    session: Session, seller: "Seller", terms: Sequence[tuple[str, Mapping[str, str]]]
) -> list[TermRow]:
    """Set or change a supplier's terms for products: `cost` of a piece as an amount of money,
    `pack_size` and `minimum_quantity` in pieces, `supplier_sku`. Fields that are not named stay;
    an empty text takes a value away.

    Raises NotFound, InvalidInput.
    """
    named = items.named(session, [ref for ref, _ in terms])
    ids = sorted({item.id for item in named.values()})
    stored = offers(session, seller.id, ids)
    rows: dict[int, dict[str, Any]] = {}
    for ref, fields in terms:
        number = named[ref].id
        before = rows.get(number) or (
            {name: getattr(stored[number], name) for name in _COLUMNS}
            if number in stored
            else _BLANK
        )
        rows[number] = before | _parsed(fields, seller.currency)
    changed = [
        {"supplier_id": seller.id, "product_id": number, **rows[number]}
        for number in ids
        if number not in stored
        or any(getattr(stored[number], name) != rows[number][name] for name in _COLUMNS)
    ]
    if changed:
        session.send(_PUT, changed)
        told = [{"sku": named[ref].sku, **fields} for ref, fields in terms]
        _tell(session, "changed", seller.code, {"terms": told})
    return [_row(row) for row in session.ask(_SOME, supplier=seller.id, products=ids)]


def remove(session: Session, seller: "Seller", *, ref: str) -> TermRow:
    """Take a supplier's terms for a product away; orders keep what they say. Raises NotFound."""
    row = one(session, seller, ref=ref)
    number = items.one(session, ref).id
    session.send(_DROP, [{"supplier": seller.id, "product": number}])
    _tell(session, "removed", seller.code, {"sku": row.sku})
    return row


def one(session: Session, seller: "Seller", *, ref: str) -> TermRow:
    """Return a supplier's terms for a product. Raises NotFound."""
    item = items.one(session, ref)
    found = session.ask(_SOME, supplier=seller.id, products=[item.id])
    if not found:
        raise NotFound(
            f"{seller.code} has no terms for {item.sku}",
            hint=f"set them: bvinv purchase supplier terms {seller.code} {item.sku} --cost 5.66",
            supplier=seller.code,
            sku=item.sku,
        )
    return _row(found[0])


def page(
    session: Session, seller: "Seller", *, limit: int = 100, after: str | None = None
) -> tuple[list[TermRow], str | None]:
    """Return a page of a supplier's terms by SKU, and the cursor of the next page.

    Raises InvalidInput.
    """
    text.quantity(limit, what="limit", minimum=1, maximum=100_000)
    beyond = text.key(text.code(after, what="cursor", maximum=100)) if after else ""
    found = session.ask(_PAGE, supplier=seller.id, after=beyond, limit=limit + 1)
    rows = [_row(row) for row in found[:limit]]
    return rows, rows[-1].sku if len(found) > limit else None


def every(session: Session, supplier_id: int) -> list[TermRow]:
    """Return all terms of a supplier, by SKU."""
    return [_row(row) for row in session.ask(_ALL, supplier=supplier_id)]


def offers(session: Session, supplier_id: int, products: Collection[int]) -> dict[int, Any]:
    """Return the stored terms for these products, by product id, `cost` in minor units."""
    if not products:
        return {}
    found = session.ask(_SOME, supplier=supplier_id, products=sorted(products))
    return {row.product_id: row for row in found}


def _parsed(fields: Mapping[str, str], currency: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if "supplier_sku" in fields:
        sku = fields["supplier_sku"]
        values["supplier_sku"] = text.line(sku, what="supplier's SKU", maximum=64) if sku else ""
    if "cost" in fields:
        cost = fields["cost"]
        values["cost"] = money.minor_units(cost, currency) if cost else None
    for name in ("pack_size", "minimum_quantity"):
        if name in fields:
            values[name] = text.quantity(fields[name] or "1", what=name.replace("_", " "))
    return values


def _tell(session: Session, what: str, supplier: str, told: dict[str, Any]) -> None:
    command_log.tell(session, [Tale(f"supplier-terms.{what}", supplier, told, session.command)])


def _row(row: Any) -> TermRow:
    return TermRow(
        supplier=row.supplier,
        sku=row.sku,
        supplier_sku=row.supplier_sku,
        cost=None if row.cost is None else money.display(row.cost, row.currency),
        currency=row.currency,
        pack_size=row.pack_size,
        minimum_quantity=row.minimum_quantity,
    )
