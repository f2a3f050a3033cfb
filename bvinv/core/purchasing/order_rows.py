"""Purchase orders as they are read, now or as of a past instant."""

from collections.abc import Mapping, Sequence
from typing import Any

from bvinv.core import dates, documents, instants, money, warehouses
from bvinv.core.db import Session, Sql
from bvinv.core.errors import NotFound
from bvinv.core.models.order import OPEN, STATUSES, OrderLineRow, OrderRow, OrderSummary
from bvinv.core.purchasing import suppliers

_ORDERS = """
    SELECT o.id, o.status, s.code AS supplier, s.currency, s.minimum_order, w.code AS warehouse
         , o.supplier_id, o.warehouse_id, o.expected_on, o.note, o.created_at, o.placed_at
         , o.closed_at, o.updated_at
      FROM purchase_order AS o JOIN supplier AS s ON s.id = o.supplier_id
           JOIN warehouse AS w ON w.id = o.warehouse_id
"""
_ONE = Sql(f"{_ORDERS} WHERE o.id = :order")
_LINES = """
    SELECT l.level_id, v.product_id, p.sku, l.quantity, l.cost, l.allowance, l.received
         , l.cancelled, l.outstanding
      FROM purchase_order_line AS l JOIN stock_level AS v ON v.id = l.level_id
           JOIN product AS p ON p.id = v.product_id
     WHERE l.order_id = :order {where} ORDER BY p.sku_key
"""
_ALL_LINES = Sql(_LINES.format(where=""))
# By the product's levels, of which there are few: an order may have thousands of lines.
_LINES_OF = Sql(
    _LINES.format(
        where="AND l.level_id IN (SELECT id FROM stock_level WHERE product_id = :product)"
    )
)
_PAGE = f"""
    SELECT o.*, count(l.level_id) AS lines, coalesce(sum(l.quantity), 0) AS ordered
         , coalesce(sum(l.received), 0) AS received
         , coalesce(sum(l.outstanding), 0) AS outstanding, sum(l.quantity * l.cost) AS total
      FROM ({_ORDERS} WHERE {{where}} ORDER BY o.id DESC LIMIT :limit) AS o
           LEFT JOIN purchase_order_line AS l ON l.order_id = o.id
     GROUP BY o.id, o.status, o.supplier, o.currency, o.minimum_order, o.warehouse, o.supplier_id
            , o.warehouse_id, o.expected_on, o.note, o.created_at, o.placed_at, o.closed_at
            , o.updated_at
     ORDER BY o.id DESC
"""
# What had come by then and was not undone by then.
_RECEIVED_BY = Sql("""
    SELECT l.level_id, sum(l.quantity) AS received
      FROM receipt AS r JOIN receipt_line AS l ON l.receipt_id = r.id
           JOIN movement AS m ON m.level_id = l.level_id AND m.level_seq = l.level_seq
     WHERE r.order_id = :order AND m.occurred_at <= :at AND NOT EXISTS (
           SELECT 1 FROM movement AS u WHERE u.level_id = l.level_id AND u.reverses > 0
              AND u.reverses = l.level_seq AND u.occurred_at <= :at)
     GROUP BY l.level_id
""")
NAMED = 5  # SKUs in a warning


def show(session: Session, *, order: str, as_of: int | None = None) -> OrderRow:
    """Return an order with its lines. `as_of` (an instant) answers what had come by then; the
    lines themselves are those of today. Raises NotFound."""
    found = stored(session, documents.row_id("PO", order))
    rows = lines(session, found.id)
    if as_of is None:
        return _row(found, found.status, rows)
    if as_of < found.created_at:
        raise NotFound(
            f"there was no {documents.number('PO', found.id)} yet",
            hint=f"it was made at {instants.display(found.created_at)}",
        )
    came = {row.level_id: int(row.received) for row in _came_by(session, found.id, as_of)}
    return _row(*_as_of(found, rows, came, as_of))


def stored(session: Session, number: int) -> Any:
    """Return an order as it is stored, with the codes of its supplier and warehouse.

    Raises NotFound.
    """
    found = session.ask(_ONE, order=number)
    if not found:
        raise documents.unknown("PO", number, "bvinv purchase order list")
    return found[0]


def lines(session: Session, number: int) -> list[Any]:
    """Return the lines of an order as they are stored, by SKU."""
    return session.ask(_ALL_LINES, order=number)


def lines_of(session: Session, number: int, product_id: int) -> list[Any]:
    """Return the line of an order that asks for a product, if there is one."""
    return session.ask(_LINES_OF, order=number, product=product_id)


def page(
    session: Session,
    *,
    status: str | None = None,
    supplier: str | None = None,
    warehouse: str | None = None,
    only_open: bool = False,
    limit: int = 50,
    after: str | None = None,
) -> tuple[list[OrderSummary], str | None]:
    """Return a page of orders, the newest first, and the cursor of the next page.

    `only_open`: goods are still on their way. Raises InvalidInput, NotFound.
    """
    page = documents.Page("PO", limit=limit, after=after, id="o.id")
    page.one_of("o.status", status, STATUSES)
    if only_open:
        page.only("o.status IN :open", open=list(OPEN))
    if supplier is not None:
        page.only("o.supplier_id = :supplier", supplier=suppliers.find(session, supplier).id)
    if warehouse is not None:
        page.only("o.warehouse_id = :site", site=warehouses.site(session, warehouse).id)
    found, more = page.ask(session, _PAGE)
    rows = [_summary(row) for row in found]
    return rows, rows[-1].order if more else None


def _came_by(session: Session, number: int, at: int) -> list[Any]:
    return session.ask(_RECEIVED_BY, order=number, at=at)


def _as_of(
    found: Any, rows: Sequence[Any], came: Mapping[int, int], at: int
) -> tuple[Any, str, list[Any]]:
    """Return the order, its status and its lines as they were at an instant."""
    closed = found.closed_at is not None and found.closed_at <= at
    placed = found.placed_at is not None and found.placed_at <= at
    if closed:
        status = found.status
    elif not placed:
        status = "draft"
    else:
        status = "partly-received" if came else "placed"
    then = []
    for row in rows:
        received = came.get(row.level_id, 0)
        rest = max(row.quantity - received, 0)
        then.append(
            row._replace(
                received=received,
                cancelled=rest if closed else 0,
                outstanding=rest if placed and not closed else 0,
                allowance=row.allowance if placed else 0,
            )
        )
    closed_at = found.closed_at if closed else None
    placed_at = found.placed_at if placed else None
    return found._replace(closed_at=closed_at, placed_at=placed_at), status, then


def _row(found: Any, status: str, rows: Sequence[Any]) -> OrderRow:
    known = [row.quantity * row.cost for row in rows if row.cost is not None]
    total = sum(known) if known else None
    return OrderRow(
        order=documents.number("PO", found.id),
        status=status,
        supplier=found.supplier,
        warehouse=found.warehouse,
        expected_on=found.expected_on,
        currency=found.currency,
        total=None if total is None else money.display(total, found.currency),
        lines=[
            OrderLineRow(
                sku=row.sku,
                ordered=row.quantity,
                received=row.received,
                outstanding=row.outstanding,
                tolerance=row.allowance,
                state=_state(status, row),
                cost=None if row.cost is None else money.display(row.cost, found.currency),
            )
            for row in rows
        ],
        note=found.note,
        warnings=_warnings(found, status, rows, total),
        created_at=found.created_at,
        placed_at=found.placed_at,
        closed_at=found.closed_at,
        updated_at=found.updated_at,
    )


def _state(status: str, row: Any) -> str:
    if status == "cancelled":
        return "cancelled"
    if row.received > row.quantity:
        return "over"
    if row.received == row.quantity:
        return "complete"
    return "short" if status == "received" else "open"


def _warnings(found: Any, status: str, rows: Sequence[Any], total: int | None) -> list[str]:
    said = []
    if status in ("draft", "placed"):
        least = found.minimum_order
        if least is not None and total is not None and total < least:
            said.append(
                f"below {found.supplier}'s minimum order of "
                f"{money.display(least, found.currency)} {found.currency}"
            )
        unknown = [row.sku for row in rows if row.cost is None]
        if unknown:
            more = f" and {len(unknown) - NAMED} more" if len(unknown) > NAMED else ""
            said.append(f"{found.supplier} gave no cost for {', '.join(unknown[:NAMED])}{more}")
    if status == "received" and any(row.cancelled for row in rows):
        pieces = sum(row.cancelled for row in rows)
        said.append(f"{pieces} ordered, never received, and not expected any more")
    return said


def _summary(row: Any) -> OrderSummary:
    return OrderSummary(
        order=documents.number("PO", row.id),
        status=row.status,
        supplier=row.supplier,
        warehouse=row.warehouse,
        expected_on=row.expected_on,
        currency=row.currency,
        total=None if row.total is None else money.display(int(row.total), row.currency),
        lines=row.lines,
        ordered=int(row.ordered),
        received=int(row.received),
        outstanding=int(row.outstanding),
        created_at=row.created_at,
    )


def expected(session: Session, lead_time_days: int) -> int:
    """Return the day on which goods come that are ordered now."""
    return dates.of(session.now + lead_time_days * 86_400_000_000)
