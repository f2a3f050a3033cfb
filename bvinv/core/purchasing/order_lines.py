"""The lines of a draft order: how many of what, at which cost, in quantities that are sold."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from bvinv.core import documents, items, levels, money, text, warehouses
from bvinv.core.db import Session, Sql
from bvinv.core.errors import InvalidInput, NotFound
from bvinv.core.items import Item
from bvinv.core.levels import Site
from bvinv.core.models.base import MOST
from bvinv.core.purchasing import order_rows, supplier_terms, suppliers
from bvinv.core.purchasing.suppliers import Seller

MOST_MONEY = 10**15  # minor units that one order may cost
_LISTED = 5  # lines in a hint

_ADD_LINE = Sql.insert(
    "purchase_order_line",
    "order_id",
    "level_id",
    "quantity",
    "cost",
    "allowance",
    "received",
    "cancelled",
    "outstanding",
)
_DROP_LINE = Sql("DELETE FROM purchase_order_line WHERE order_id = :order AND level_id = :level")


def wanted(
    session: Session, seller: Seller, lines: Iterable[tuple[str, int]], *, exact: bool
) -> dict[Item, int]:
    """Return how many pieces of each product these lines are; two of one product add up.

    Raises NotFound, and InvalidInput for quantities that the supplier does not sell, unless they
    are `exact`ly meant.
    """
    lines = [(ref, text.quantity(quantity)) for ref, quantity in lines]
    named = items.named(session, [ref for ref, _ in lines])
    found: dict[int, tuple[Item, int]] = {}
    for ref, quantity in lines:
        item = named[ref]
        _, before = found.get(item.id, (item, 0))
        total = text.quantity(before + item.pieces(quantity), maximum=MOST)
        found[item.id] = (item._replace(pack=1), total)
    pieces = dict(found.values())
    if not exact:
        _refuse_what_is_not_sold(seller, pieces, _terms(session, seller, pieces))
    return pieces


def add(
    session: Session, number: int, seller: Seller, site: Site, pieces: Mapping[Item, int]
) -> None:
    """Add lines to a locked draft, at the costs of today. Raises InvalidInput when the order
    would cost more than can be counted."""
    terms = _terms(session, seller, pieces)
    costs = {item.id: terms[item.id].cost if item.id in terms else None for item in pieces}
    found = levels.create(session, [(item, site) for item in pieces])
    empty = {"allowance": 0, "received": 0, "cancelled": 0, "outstanding": 0}
    session.send(
        _ADD_LINE,
        [
            {
                "order_id": number,
                "level_id": found[item.id, site.id].id,
                "quantity": quantity,
                "cost": costs[item.id],
                **empty,
            }
            for item, quantity in pieces.items()
        ],
    )
    total = 0
    for row in order_rows.lines(session, number):
        total += row.quantity * (row.cost or 0)
        if total > MOST_MONEY:
            most = money.display(MOST_MONEY, seller.currency)
            raise InvalidInput(f"the order would cost more than {most} {seller.currency}")


def change(
    session: Session,
    found: Any,
    lines: Sequence[tuple[str, int]],
    remove: Sequence[str],
    *,
    exact: bool,
) -> dict[str, Any]:
    """Set the quantities of these lines of a locked draft, add the new ones and remove others;
    return what was changed. Raises NotFound, InvalidInput."""
    stored = {row.product_id: row for row in order_rows.lines(session, found.id)}
    seller = suppliers.find(session, found.supplier)
    site = warehouses.site(session, found.warehouse)
    pieces = wanted(session, seller, lines, exact=exact) if lines else {}
    gone = {item.id: item for item in items.named(session, remove).values()} if remove else {}
    for number, item in gone.items():
        if number not in stored:
            order = documents.number("PO", found.id)
            raise NotFound(f"{item.sku} is not on {order}", order=order, sku=item.sku)
        if item.id in {one.id for one in pieces}:
            raise InvalidInput(f"{item.sku} is to be changed and removed at once")
    if gone and not pieces and gone.keys() == stored.keys():
        raise InvalidInput(
            "an order needs a line",
            hint=f"bvinv purchase order cancel {documents.number('PO', found.id)}",
        )
    differs = {
        item: quantity
        for item, quantity in pieces.items()
        if item.id not in stored or stored[item.id].quantity != quantity
    }
    out = [*gone, *(item.id for item in differs if item.id in stored)]
    session.send(
        _DROP_LINE, [{"order": found.id, "level": stored[number].level_id} for number in out]
    )
    if differs:
        add(session, found.id, seller, site, differs)
    changed = {item.sku: quantity for item, quantity in differs.items()}
    removed = [item.sku for item in gone.values()]
    return ({"lines": changed} if changed else {}) | ({"removed": removed} if removed else {})


def _terms(session: Session, seller: Seller, pieces: Collection[Item]) -> dict[int, Any]:
    return supplier_terms.offers(session, seller.id, [item.id for item in pieces])


def _refuse_what_is_not_sold(
    seller: Seller, pieces: Mapping[Item, int], terms: Mapping[int, Any]
) -> None:
    """Raise InvalidInput with the next quantities that the supplier does sell."""
    errors, right = [], []
    for item, quantity in pieces.items():
        term = terms.get(item.id)
        if term is None:
            continue
        packs = -(-max(quantity, term.minimum_quantity) // term.pack_size)
        if (sold := packs * term.pack_size) == quantity:
            continue
        least = term.minimum_quantity
        rules = [f"at least {least}"] if least > term.pack_size else []
        rules += [f"in packs of {term.pack_size}"] if term.pack_size > 1 else []
        said = f"{seller.code} sells {item.sku} {' and '.join(rules)}, not {quantity}"
        right.append(f"{item.sku}={sold}")
        errors.append({"sku": item.sku, "detail": said, "quantity": quantity, "right": sold})
    if not errors:
        return
    more = " …" if len(right) > _LISTED else ""
    raise InvalidInput(
        str(errors[0]["detail"])
        if len(errors) == 1
        else f"{seller.code} does not sell {len(errors)} of these lines like that",
        hint=f"order {' '.join(right[:_LISTED])}{more}; or --exact, when it is agreed",
        errors=errors[1:] and errors,
    )
