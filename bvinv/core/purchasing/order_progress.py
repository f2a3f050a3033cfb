"""How far an order has come: locked, counted on and back, its status what its lines say."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from bvinv.core import documents, items, text
from bvinv.core.db import Session, Sql
from bvinv.core.errors import Conflict
from bvinv.core.items import Item
from bvinv.core.models.order import OPEN
from bvinv.core.purchasing import order_rows

_LOCK = Sql("SELECT id FROM purchase_order WHERE id = :order", lock="FOR UPDATE")
_COUNT = Sql("""
    UPDATE purchase_order_line
       SET received = received + :by
         , outstanding = CASE WHEN quantity > received + :by + cancelled
                              THEN quantity - received - :by - cancelled ELSE 0 END
     WHERE order_id = :order AND level_id = :level
""")
_TAKE_BACK = Sql("""
    UPDATE purchase_order_line
       SET received = received - :by
         , cancelled = CASE WHEN :cut = 1 AND quantity > received - :by
                            THEN quantity - received + :by ELSE 0 END
         , outstanding = CASE WHEN :cut = 0 AND quantity > received - :by
                              THEN quantity - received + :by ELSE 0 END
     WHERE order_id = :order AND level_id = :level
""")
_MOST = Sql("""
    SELECT max(received) AS received, max(outstanding) AS outstanding, max(cancelled) AS cancelled
      FROM purchase_order_line WHERE order_id = :order
""")
_SETTLE = Sql("""
    UPDATE purchase_order SET status = :status, closed_at = :closed_at, updated_at = :now
     WHERE id = :order
""")


class Expected(NamedTuple):
    """A line of an order, and the pieces of it that come now."""

    line: Any  # as order_rows.lines gives it
    pieces: int


def lock(session: Session, order: str) -> Any:
    """Return an order as it is stored, locked until the end. Raises NotFound."""
    number = documents.row_id("PO", order)
    session.ask(_LOCK, order=number)
    return order_rows.stored(session, number)


def require_open(found: Any) -> None:
    """Raise Conflict unless goods of this stored order are on their way."""
    if found.status in OPEN:
        return
    number = documents.number("PO", found.id)
    hints = {
        "draft": f"place it first: bvinv purchase order place {number}",
        "received": "receive what came beyond it without the order: bvinv receive REF --qty N "
        f"--warehouse {found.warehouse} --supplier {found.supplier}",
    }
    why = "a draft, not placed yet" if found.status == "draft" else f"{found.status} already"
    raise Conflict(
        f"{number} is {why}",
        hint=hints.get(found.status, hints["received"]),
        order=number,
        state=found.status,
    )


def expected(session: Session, found: Any, lines: Sequence[tuple[str, int]]) -> list[Expected]:
    """Return what comes of each line of a locked order: of these, or all that is outstanding.

    Raises NotFound, and Conflict for what was not ordered or is too much.
    """
    stands = order_rows.lines(session, found.id)
    if not lines:
        return [Expected(line, line.outstanding) for line in stands if line.outstanding]
    lines = [(ref, text.quantity(quantity)) for ref, quantity in lines]
    named = items.named(session, [ref for ref, _ in lines])
    came: dict[int, int] = {}
    skus: dict[int, str] = {}
    for ref, quantity in lines:
        item = named[ref]
        came[item.id] = came.get(item.id, 0) + item.pieces(quantity)
        skus[item.id] = item.sku
    by_product = {line.product_id: line for line in stands}
    _refuse_not_ordered(found, {skus[one]: n for one, n in came.items() if one not in by_product})
    wanted = [Expected(line, came[one]) for one, line in by_product.items() if one in came]
    _refuse_too_much(found, wanted)
    return wanted


def scanned(session: Session, found: Any, item: Item, pieces: int) -> Any:
    """Return the line of a locked order that a scan of so many pieces is for.

    It may be complete already: what comes beyond it is only known when it is scanned. Raises
    Conflict for what was not ordered or is too much, and when the order was cut short.
    """
    if found.status not in OPEN:
        [most] = session.ask(_MOST, order=found.id)
        if found.status != "received" or most.cancelled:
            require_open(found)
    lines = order_rows.lines_of(session, found.id, item.id)
    if not lines:
        _refuse_not_ordered(found, {item.sku: pieces})
    [line] = lines
    _refuse_too_much(found, [Expected(line, pieces)])
    return line


def count_received(session: Session, number: int, pieces: Mapping[int, int]) -> str:
    """Count pieces that came for a locked order, by level; return its status then."""
    session.send(
        _COUNT, [{"order": number, "level": level, "by": by} for level, by in pieces.items()]
    )
    return settle(session, number)


def count_taken_back(session: Session, number: int, pieces: Mapping[int, int]) -> str:
    """Count pieces of a locked order that did not come after all; return its status then.

    They are expected again, unless the rest of the order was cancelled.
    """
    [most] = session.ask(_MOST, order=number)
    cut = int(most.cancelled > 0)
    session.send(
        _TAKE_BACK,
        [{"order": number, "level": level, "by": by, "cut": cut} for level, by in pieces.items()],
    )
    return settle(session, number)


def settle(session: Session, number: int) -> str:
    """Give a locked order the status that its lines say; return it."""
    [most] = session.ask(_MOST, order=number)
    if most.outstanding:
        status = "partly-received" if most.received else "placed"
    else:
        status = "received" if most.received else "cancelled"
    before = order_rows.stored(session, number)
    closed_at = None if status in OPEN else before.closed_at or session.now
    session.send(
        _SETTLE,
        [{"order": number, "status": status, "closed_at": closed_at, "now": session.now}],
    )
    return status


def _refuse_not_ordered(found: Any, others: Mapping[str, int]) -> None:
    if not others:
        return
    number = documents.number("PO", found.id)
    sku, pieces = next(iter(others.items()))
    named = ", ".join([*others][:5])
    raise Conflict(
        f"not on {number}: {named}" if len(others) > 1 else f"{sku} is not on {number}",
        hint=f"receive it without the order: bvinv receive {sku} --qty {pieces} "
        f"--warehouse {found.warehouse} --supplier {found.supplier}",
        order=number,
        errors=[{"sku": one, "detail": f"{one} is not on {number}"} for one in others]
        if len(others) > 1
        else None,
    )


def _refuse_too_much(found: Any, expected: Sequence[Expected]) -> None:
    """Raise Conflict, with the numbers of every line that would get more than its tolerance."""
    errors = []
    for line, pieces in expected:
        room = line.quantity + line.allowance - line.cancelled - line.received
        if pieces > room:
            errors.append(
                {
                    "sku": line.sku,
                    "detail": f"{line.sku}: {line.quantity} ordered, {line.received} received "
                    f"before, {pieces} more are {pieces - room} too many "
                    f"(tolerance {line.allowance})",
                    "ordered": line.quantity,
                    "received": line.received,
                    "tolerance": line.allowance,
                    "quantity": pieces,
                    "room": room,
                }
            )
    if not errors:
        return
    number = documents.number("PO", found.id)
    first = errors[0]
    room = f"no more than {first['room']}" if first["room"] else "no more"
    numbers = {name: first[name] for name in first if name != "detail"} if len(errors) == 1 else {}
    raise Conflict(
        str(first["detail"])
        if len(errors) == 1
        else f"more came than {number} expects, on {len(errors)} lines",
        hint=f"{room} of {first['sku']} is expected for {number}; receive the rest without the "
        "order, or send it back",
        order=number,
        errors=errors[1:] and errors,
        **numbers,
    )
