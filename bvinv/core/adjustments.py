"""Stock changed by hand: corrected with a reason, or moved between bins."""

from bvinv.core import holds, items, levels, reasons, shortages, stock, text, warehouses
from bvinv.core.db import Session
from bvinv.core.errors import Conflict, InvalidInput
from bvinv.core.ledger import ADJUSTMENT, Level, Place, Posting, posting
from bvinv.core.models.base import MOST
from bvinv.core.models.stock import LevelRow
from bvinv.core.models.warehouse import DOCK, SHELF


def adjust(
    session: Session,
    *,
    ref: str,
    warehouse: str,
    reason: str,
    change: int | None = None,
    to: int | None = None,
    expect: int | None = None,
    bin: str | None = None,
    note: str = "",
    break_newest: bool = False,
    occurred_at: int | None = None,
) -> LevelRow:
    """Change what is on hand by `change` pieces, or `to` a count where `expect` pieces stood.

    Both are about the bin, if one is named. Below what is reserved it is refused with the holders
    named, unless `break_newest` turns the newest holds into backorders. Raises NotFound,
    InvalidInput, Conflict (another count than expected), InsufficientStock.
    """
    reason = reasons.checked(session, reason)
    note = text.line(note, what="note") if note else ""
    item = items.one(session, ref)
    site = warehouses.site(session, warehouse)
    place = warehouses.place(session, site, bin) if bin is not None else None
    [level] = levels.create(session, [(item, site)]).values()
    levels.load_places(session, [level])
    by = _difference(level, place, change, to, expect)
    if not by:
        return stock.one(session, item, site)
    with posting(session) as current:
        if by > 0:
            place = place or warehouses.place(session, site, SHELF)
        post(
            session,
            current,
            level,
            by,
            place=place,
            reason=reason,
            occurred_at=occurred_at,
            break_newest=break_newest,
        )
        told = {"warehouse": site.code, "change": by, "reason": reason, "note": note}
        current.tell("stock.adjusted", item.sku, told)
    return stock.one(session, item, site)


def post(
    session: Session,
    current: Posting,
    level: Level,
    by: int,
    *,
    place: Place | None,
    reason: str,
    document: str = "",
    occurred_at: int | None = None,
    break_newest: bool = False,
) -> None:
    """Post a correction of a locked level by this many pieces; what comes needs a place.

    Raises InsufficientStock, and InvalidInput for more than a level can hold; nothing of it is
    posted then.
    """
    parts: list[tuple[Place, Place, int]] = []
    if by > 0:
        assert place is not None
        if by + level.on_hand + level.unsellable > MOST:
            raise InvalidInput(f"more than {MOST} pieces of {level.sku} cannot be kept")
        parts = [(ADJUSTMENT, place, by)]
    else:
        parts = [(bin, ADJUSTMENT, part) for bin, part in shortages.giving(level, place, -by)]
        if place is None or place.sellable:
            shortages.make_room(session, current, level, -by, break_newest=break_newest)
    for origin, target, part in parts:
        current.post(
            level,
            "adjust",
            part,
            origin=origin,
            target=target,
            reason=reason,
            document=document,
            occurred_at=occurred_at,
        )
    holds.fill(session, current, level)


def put_away(
    session: Session,
    *,
    ref: str,
    quantity: int,
    warehouse: str,
    origin: str = DOCK,
    target: str,
) -> LevelRow:
    """Move pieces from one bin of a warehouse to another.

    Into quarantine or damage they stop being on hand, so that is refused below what is reserved.
    Raises NotFound, InvalidInput, InsufficientStock.
    """
    text.quantity(quantity)
    item = items.one(session, ref)
    site = warehouses.site(session, warehouse)
    source = warehouses.place(session, site, origin)
    goal = warehouses.place(session, site, target)
    if source == goal:
        raise InvalidInput(f"the goods lie in {goal.code} already", bin=goal.code)
    [level] = levels.create(session, [(item, site)]).values()
    levels.load_places(session, [level])
    parts = shortages.giving(level, source, quantity)
    with posting(session) as current:
        if source.sellable and not goal.sellable:
            shortages.make_room(session, current, level, quantity, break_newest=False)
        for origin_lot, part in parts:
            current.post(level, "move", part, origin=origin_lot, target=goal)
        holds.fill(session, current, level)
        told = {"warehouse": site.code, "quantity": quantity, "from": source.code, "to": goal.code}
        current.tell("stock.moved", item.sku, told)
    return stock.one(session, item, site)


def _difference(
    level: Level, place: Place | None, change: int | None, to: int | None, expect: int | None
) -> int:
    if (change is None and to is None) or (change is not None and to is not None):
        raise InvalidInput(
            "say either the change or the count", hint="--change -2, or --to 8 --expect 10"
        )
    if change is not None:
        if not text.quantity(change, what="change", minimum=-(10**9)):
            raise InvalidInput("a change of 0 changes nothing", hint="--change +3 or --change -3")
        return change
    assert to is not None
    if expect is None:
        raise InvalidInput(
            "a count needs the number that stood there before",
            hint="--to 8 --expect 10: so two people who count at once do not add up their errors",
        )
    text.quantity(to, what="count", minimum=0)
    text.quantity(expect, what="expected count", minimum=0)
    stands = level.on_hand if place is None else levels.lying(level, place)
    if stands != expect:
        where = level.warehouse if place is None else f"{place.code} at {level.warehouse}"
        raise Conflict(
            f"{stands} of {level.sku} stand in {where}, not {expect}",
            hint="count again, then repeat with the new number",
            expected=expect,
            on_hand=stands,
        )
    return to - expect
