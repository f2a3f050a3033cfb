"""Transfers: drafted, shipped, cancelled; what arrives and how they end is in `arrivals`.

`draft` → `shipped` → `partly-received` → `closed`; a draft may be `cancelled`. A draft holds
nothing. What is shipped is in transit, and belongs to neither warehouse, until it arrives, is
named lost, or comes back.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bvinv.core import command_log, documents, holds, items, levels, shortages, text, warehouses
from bvinv.core.command_log import Tale
from bvinv.core.db import Session, Sql
from bvinv.core.errors import Conflict, InsufficientStock, InvalidInput
from bvinv.core.items import Item
from bvinv.core.ledger import TRANSIT, Level, Place, Posting, posting
from bvinv.core.models.base import MOST
from bvinv.core.models.transfer import TransferRow, TransferScanRow
from bvinv.core.transfers import transfer_rows
from bvinv.core.transfers.arrivals import arrive, close, receive
from bvinv.core.transfers.transfer_rows import draft, page, show

__all__ = [
    "add",
    "arrive",
    "cancel",
    "close",
    "create",
    "draft",
    "page",
    "receive",
    "ship",
    "show",
    "update",
]

_NEW = Sql.insert(
    "transfer",
    "from_id",
    "to_id",
    "status",
    "note",
    "command_id",
    "created_at",
    "updated_at",
    after="RETURNING id",
)
_NEW_LINE = Sql.insert(
    "transfer_line",
    "transfer_id",
    "level_id",
    "lot",
    "to_level_id",
    "quantity",
    "shipped",
    "received",
    "lost",
    "returned",
)
_DROP_LINE = Sql("DELETE FROM transfer_line WHERE transfer_id = :id AND level_id = :level")
_TOUCH = Sql("UPDATE transfer SET updated_at = :now WHERE id = :id")
_NOTE = Sql("UPDATE transfer SET note = :note WHERE id = :id")


def create(
    session: Session,
    *,
    lines: Sequence[tuple[str, int]],
    origin: str,
    target: str,
    note: str = "",
    may_be_empty: bool = False,
) -> TransferRow:
    """Draft a transfer between two warehouses; nothing moves yet, and nothing is held.

    Lines are a reference and a quantity; equal ones count together. Raises NotFound, InvalidInput
    for a transfer to itself or, unless it `may_be_empty`, of nothing.
    """
    note = text.line(note, what="note") if note else ""
    start, end = warehouses.site(session, origin), warehouses.site(session, target)
    if start == end:
        raise InvalidInput(
            f"a transfer goes from one warehouse to another, not from {start.code} to itself",
            hint="to move goods inside a warehouse: bvinv stock put-away",
            warehouse=start.code,
        )
    if not lines and not may_be_empty:
        raise InvalidInput("a transfer needs a line", hint="for example: HX-1=3")
    wanted = _asked(items.named(session, [ref for ref, _ in lines]) if lines else {}, lines)

    # From here on nothing can fail.
    command_log.record(session, session.command)
    row = {
        "from_id": start.id,
        "to_id": end.id,
        "status": "draft",
        "note": note,
        "command_id": session.command.id,
        "created_at": session.now,
        "updated_at": session.now,
    }
    [number] = session.insert(_NEW, [row])
    [found] = transfer_rows.lock(session, [number]).values()
    _set(session, found, wanted)
    told = {"from": start.code, "to": end.code, "lines": _told(wanted)}
    _tell(session, "transfer.created", number, told)
    return show(session, transfer=str(number))


def update(
    session: Session,
    *,
    transfer: str,
    lines: Sequence[tuple[str, int]] = (),
    remove: Iterable[str] = (),
    note: str | None = None,
) -> TransferRow:
    """Set the quantities of a draft's lines, add lines, take some off, or change its note.

    Raises NotFound, InvalidInput, and Conflict when it is no draft any more or has no such line.
    """
    found = transfer_rows.locked(session, transfer)
    transfer_rows.require_draft(found, "changed")
    named = items.named(session, [*(ref for ref, _ in lines), *remove])
    wanted = _asked(named, lines)
    have = _drafted(session, found)
    for ref in remove:
        item = named[ref]._replace(pack=1)
        if item.id not in have or item in wanted:
            raise Conflict(
                f"{named[ref].sku} is not on {transfer_rows.number(found.id)}, or is set as well",
                hint=f"see: bvinv transfer show {transfer_rows.number(found.id)}",
                sku=named[ref].sku,
            )
        wanted[item] = 0
    if not wanted and note is None:
        raise InvalidInput("nothing to change", hint="for example: HX-1=3, or --note TEXT")
    if note is not None:
        said = text.line(note, what="note") if note else ""
        session.send(_NOTE, [{"id": found.id, "note": said}])
    _set(session, found, wanted)
    told = {"lines": _told(wanted)} | ({} if note is None else {"note": said})
    _tell(session, "transfer.changed", found.id, told)
    return show(session, transfer=str(found.id))


def add(session: Session, *, transfer: str, ref: str, quantity: int) -> TransferScanRow:
    """Add pieces of a product to a draft; a negative quantity takes them off again.

    Raises NotFound, InvalidInput, and Conflict when it is no draft any more or has fewer.
    """
    if not text.quantity(quantity, minimum=-(10**9)):
        raise InvalidInput("a quantity of 0 changes nothing")
    item = items.one(session, ref)
    found = transfer_rows.locked(session, transfer)
    transfer_rows.require_draft(found, "changed")
    pieces = item.pieces(quantity)
    have = _drafted(session, found, item.id).get(item.id, 0)
    named = transfer_rows.number(found.id)
    if have + pieces < 0:
        raise Conflict(
            f"only {have} of {item.sku} are on {named}, {-pieces} to be taken off",
            sku=item.sku,
            quantity=have,
        )
    asked = text.quantity(have + pieces, minimum=0, maximum=MOST)

    # From here on nothing can fail.
    _set(session, found, {item: asked})
    _tell(session, "transfer.changed", found.id, {"lines": [[item.sku, asked]]})
    start, _ = transfer_rows.ends(session, found)
    return TransferScanRow(
        transfer=named,
        sku=item.sku,
        warehouse=start.code,
        quantity=pieces,
        bin="",
        asked=asked,
        shipped=0,
        received=0,
        in_transit=0,
        left=0,
    )


def cancel(session: Session, *, transfer: str) -> TransferRow:
    """Cancel a draft. Raises NotFound, and Conflict when it is no draft any more."""
    found = transfer_rows.locked(session, transfer)
    transfer_rows.require_draft(found, "cancelled")

    # From here on nothing can fail.
    transfer_rows.cancel(session, found)
    _tell(session, "transfer.cancelled", found.id, {})
    return show(session, transfer=str(found.id))


def ship(session: Session, *, transfer: str, occurred_at: int | None = None) -> TransferRow:
    """Let a draft's goods leave, all of them or nothing: they are in transit then.

    Bins give as they do for an order: the lot that expires first; what was picked for a parcel,
    what has expired and what others hold stays. Raises NotFound, Conflict (it is no draft, or
    empty), InsufficientStock with every short line.
    """
    found = transfer_rows.locked(session, transfer)
    transfer_rows.require_draft(found, "shipped")
    own = transfer_rows.lines(session, [found.id])
    if not own:
        raise Conflict(
            f"{transfer_rows.number(found.id)} has no lines",
            hint=f"bvinv transfer update {transfer_rows.number(found.id)} SKU=QTY",
            transfer=transfer_rows.number(found.id),
        )
    wanted = {line.product_id: line.quantity for line in own}
    locked = levels.lock(session, wanted, {found.from_id, found.to_id})
    sending = {product: locked[product, found.from_id] for product in wanted}
    levels.load_places(session, sending.values())
    _refuse_short(session, sending, wanted)
    leaving = []
    with posting(session) as current:
        for product, level in sending.items():
            goal, pieces = locked[product, found.to_id], wanted[product]
            if goal.in_transit + pieces > MOST:
                raise InvalidInput(f"more than {MOST} of {goal.sku} cannot be in transit")
            for lot, part in _send(
                session, current, level, pieces, transfer_rows.number(found.id), occurred_at
            ).items():
                leaving.append(_line(found.id, level.id, goal.id, part, lot=lot, shipped=part))
            current.transit(goal, pieces)
        _drop(session, found.id, [level.id for level in sending.values()])
        session.send(_NEW_LINE, leaving)
        transfer_rows.settle(session, found)
        lines = [[level.sku, wanted[product]] for product, level in sending.items()]
        current.tell("transfer.shipped", transfer_rows.number(found.id), {"lines": lines})
    return show(session, transfer=str(found.id))


def _send(
    session: Session,
    current: Posting,
    level: Level,
    quantity: int,
    number: str,
    occurred_at: int | None,
) -> dict[str, int]:
    """Post what leaves a level; return the pieces of each lot."""
    if level.lapsed:
        holds.lapse(session, current, level)
    parts: dict[str, int] = {}
    for place, pieces in levels.take(level, quantity):
        _post(current, level, place, pieces, number, occurred_at)
        parts[place.lot] = parts.get(place.lot, 0) + pieces
    holds.fill(session, current, level)
    return parts


def _post(
    current: Posting, level: Level, place: Place, pieces: int, number: str, at: int | None
) -> None:
    current.post(
        level, "send", pieces, origin=place, target=TRANSIT, document=number, occurred_at=at
    )


def _refuse_short(
    session: Session, sending: Mapping[int, Level], wanted: Mapping[int, int]
) -> None:
    """Raise InsufficientStock with every product that cannot leave, and who holds it."""
    errors: list[dict[str, Any]] = []
    for product, level in sending.items():
        quantity = wanted[product]
        lying = sum(part for _, part in levels.take(level, quantity))
        # Expired pieces are on hand, but nobody's promise is kept with them.
        leaves = min(lying, max(level.free, 0))
        if leaves >= quantity:
            continue
        who, held = shortages.holders(session, [level])
        error = {
            "sku": level.sku,
            "warehouse": level.warehouse,
            "wanted": quantity,
            "available": leaves,
            "holders": held,
        }
        said = f"only {leaves} of {level.sku} can leave {level.warehouse}, {quantity} wanted"
        errors.append({**error, "detail": said + who + shortages.kept(level)})
    if not errors:
        return
    first = errors[0]
    several = f"{len(errors)} lines are short: {', '.join(one['sku'] for one in errors[:5])}"
    more = f" and {len(errors) - 5} more" if len(errors) > 5 else ""
    raise InsufficientStock(
        first["detail"] if len(errors) == 1 else several + more,
        hint=f"see: bvinv stock why {first['sku']} --warehouse {first['warehouse']}",
        errors=errors if len(errors) > 1 else None,
        **{name: value for name, value in first.items() if name != "detail"},
    )


def _asked(named: Mapping[str, Item], lines: Sequence[tuple[str, int]]) -> dict[Item, int]:
    """Return the pieces of each product; equal lines, and packs with pieces, count together."""
    wanted: dict[int, tuple[Item, int]] = {}
    for ref, quantity in lines:
        item = named[ref]
        pieces = item.pieces(text.quantity(quantity)) + wanted.get(item.id, (item, 0))[1]
        wanted[item.id] = (item, text.quantity(pieces, maximum=MOST))
    return {item._replace(pack=1): pieces for item, pieces in wanted.values()}


def _drafted(session: Session, found: Any, product: int | None = None) -> dict[int, int]:
    """Return the pieces of each product on a draft."""
    only = () if product is None else [product]
    return {
        line.product_id: line.quantity for line in transfer_rows.lines(session, [found.id], only)
    }


def _set(session: Session, found: Any, wanted: Mapping[Item, int]) -> None:
    """Write what a draft asks for of these products; 0 takes the line off."""
    session.send(_TOUCH, [{"id": found.id, "now": session.now}])
    start, end = transfer_rows.ends(session, found)
    pairs = [(item, site) for item in sorted(wanted) for site in sorted((start, end))]
    locked = levels.create(session, pairs)
    _drop(session, found.id, [locked[item.id, start.id].id for item in wanted])
    session.send(
        _NEW_LINE,
        [
            _line(found.id, locked[item.id, start.id].id, locked[item.id, end.id].id, pieces)
            for item, pieces in wanted.items()
            if pieces
        ],
    )


def _drop(session: Session, transfer_id: int, level_ids: list[int]) -> None:
    rows = [{"id": transfer_id, "level": level} for level in level_ids]
    session.send(_DROP_LINE, rows)


def _line(
    transfer_id: int,
    level_id: int,
    to_level_id: int,
    quantity: int,
    *,
    lot: str = "",
    shipped: int = 0,
) -> dict[str, Any]:
    return {
        "transfer_id": transfer_id,
        "level_id": level_id,
        "lot": lot,
        "to_level_id": to_level_id,
        "quantity": quantity,
        "shipped": shipped,
        "received": 0,
        "lost": 0,
        "returned": 0,
    }


def _told(wanted: Mapping[Item, int]) -> list[list[Any]]:
    return [[item.sku, pieces] for item, pieces in wanted.items()]


def _tell(session: Session, kind: str, row_id: int, told: dict[str, Any]) -> None:
    named = documents.number("TR", row_id)
    command_log.tell(session, [Tale(kind, named, told, session.command)])
