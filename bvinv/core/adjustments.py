"""Stock corrected by hand, with a reason."""

from bvinv.core import holds, items, levels, lots, reasons, shortages, stock, text, warehouses
from bvinv.core.db import Session
from bvinv.core.errors import Conflict, InvalidInput
from bvinv.core.items import Item
from bvinv.core.ledger import ADJUSTMENT, Level, Place, Posting, posting
from bvinv.core.models.base import MOST
from bvinv.core.models.stock import LevelRow
from bvinv.core.models.warehouse import SHELF


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
    lot: str | None = None,
    expires_on: int | None = None,
) -> LevelRow:
    """Change what is on hand by `change` pieces, or `to` a count where `expect` pieces stood.

    Both are about the bin and the lot, if one is named; a new lot comes with its last good day,
    `expires_on`. Where none is named the lot that expires first gives, and none that has expired.
    Below what is reserved it is refused with the holders named, unless `break_newest` turns the
    newest holds into backorders. Raises NotFound, InvalidInput, Conflict (another count than
    expected), InsufficientStock.
    """
    reason = reasons.checked(session, reason)
    note = text.line(note, what="note") if note else ""
    item = items.one(session, ref)
    site = warehouses.site(session, warehouse)
    place = warehouses.place(session, site, bin) if bin is not None else None
    [level] = levels.create(session, [(item, site)]).values()
    levels.load_places(session, [level])
    if lot is not None:
        lot = lots.code(lot)
    by = _difference(item, level, place, lot, change=change, to=to, expect=expect)
    if not by:
        return stock.one(session, item, site)
    if by > 0:
        place = place or warehouses.place(session, site, SHELF)
        place = place._replace(lot=found_lot(session, level, lot, expires_on))
    elif lot is not None:
        lot = lots.known(session, product_id=item.id, sku=item.sku, lot=lot)
    with posting(session) as current:
        post(
            session,
            current,
            level,
            by,
            place=place,
            reason=reason,
            occurred_at=occurred_at,
            break_newest=break_newest,
            lot=lot,
        )
        told = {"warehouse": site.code, "change": by, "reason": reason, "note": note}
        told |= {"lot": lot} if lot is not None else {}
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
    lot: str | None = None,
) -> None:
    """Post a correction of a locked level by this many pieces; what comes needs a place, with the
    lot in it, what goes is of `lot` if one is named.

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
        taken = shortages.giving(level, place, -by, lot)
        parts = [(bin, ADJUSTMENT, part) for bin, part in taken]
        if place is None or place.sellable:
            stale = shortages.stale_part(level, taken)
            shortages.make_room(
                session, current, level, -by, break_newest=break_newest, stale=stale
            )
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


def _difference(
    item: Item,
    level: Level,
    place: Place | None,
    lot: str | None,
    *,
    change: int | None,
    to: int | None,
    expect: int | None,
) -> int:
    if (change is None and to is None) or (change is not None and to is not None):
        raise InvalidInput(
            "say either the change or the count", hint="--change -2, or --to 8 --expect 10"
        )
    if change is not None:
        if not text.quantity(change, what="change", minimum=-(10**9)):
            raise InvalidInput("a change of 0 changes nothing", hint="--change +3 or --change -3")
        return item.pieces(change)
    assert to is not None
    if expect is None:
        raise InvalidInput(
            "a count needs the number that stood there before",
            hint="--to 8 --expect 10: so two people who count at once do not add up their errors",
        )
    to = item.pieces(text.quantity(to, what="count", minimum=0))
    expect = item.pieces(text.quantity(expect, what="expected count", minimum=0))
    stands = level.on_hand if place is None else levels.lying(level, place, lot)
    if place is None and lot is not None:
        stands = sum(n for one, n in level.places.items() if one.sellable and one.lot == lot)
    if stands != expect:
        where = level.warehouse if place is None else f"{place.code} at {level.warehouse}"
        raise Conflict(
            f"{stands} of {level.sku} stand in {where}, not {expect}",
            hint="count again, then repeat with the new number",
            expected=expect,
            on_hand=stands,
        )
    return to - expect


def found_lot(session: Session, level: Level, lot: str | None, expires_on: int | None) -> str:
    """Return the lot of pieces that were found; empty for a product without lots.

    Raises InvalidInput for a lot where there are none, and for none where there are.
    """
    if not level.tracks_lots:
        if lot is None and expires_on is None:
            return ""
        raise InvalidInput(
            f"{level.sku} has no lots",
            hint=f"if it should: bvinv products update {level.sku} --lots",
        )
    if lot is None:
        raise InvalidInput(
            f"{level.sku} has lots: of which are these pieces?",
            hint=f"--lot CODE; see: bvinv stock lots {level.sku}",
        )
    return lots.corrected(
        session, product_id=level.product_id, sku=level.sku, lot=lot, expires_on=expires_on
    )
