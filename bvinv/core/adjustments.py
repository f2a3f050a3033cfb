"""Stock corrected by hand, with a reason."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from typing import NamedTuple

from bvinv.core import holds, items, levels, lots, reasons, shortages, stock, text, warehouses
from bvinv.core.db import Session
from bvinv.core.errors import Conflict, InvalidInput
from bvinv.core.items import Item
from bvinv.core.ledger import ADJUSTMENT, Level, Place, Posting, posting
from bvinv.core.levels import Key, Site
from bvinv.core.models.base import MOST
from bvinv.core.models.stock import LevelRow
from bvinv.core.models.warehouse import SHELF


class Adjustment(NamedTuple):
    """A level that is wrong: by `change` pieces, or it has to be `to` where `expect` stood.

    Both are about the bin and the lot, if one is named; a new lot comes with its last good day,
    `expires_on`. Where none is named the lot that expires first gives, and none that has expired.
    Below what is reserved it is refused with the holders named, unless `break_newest` turns the
    newest holds into backorders.
    """

    ref: str
    warehouse: str
    reason: str
    change: int | None = None
    to: int | None = None
    expect: int | None = None
    bin: str | None = None
    note: str = ""
    break_newest: bool = False
    occurred_at: int | None = None
    lot: str | None = None
    expires_on: int | None = None


class _Target(NamedTuple):
    """An adjustment whose names are those of things that are there."""

    number: int
    asked: Adjustment
    reason: str
    note: str
    item: Item
    site: Site
    place: Place | None
    shelf: Place | None


def _unheard(_: int) -> None:
    """Begin a change of which nobody wants to hear."""


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
    """Correct one level, see `Adjustment`. Raises what `adjust_many` raises."""
    asked = Adjustment(
        ref=ref,
        warehouse=warehouse,
        reason=reason,
        change=change,
        to=to,
        expect=expect,
        bin=bin,
        note=note,
        break_newest=break_newest,
        occurred_at=occurred_at,
        lot=lot,
        expires_on=expires_on,
    )
    [row] = adjust_many(session, [asked])
    return row


def adjust_many(
    session: Session,
    changes: Sequence[Adjustment],
    *,
    begins: Callable[[int], object] = _unheard,
) -> list[LevelRow]:
    """Correct many levels, in the caller's order; return each as it stands when all is done.

    One look-up and one write a table serve all of them. `begins` hears which change, counted from
    0, is looked at, so that whoever calls can say which one was refused; names are looked up
    before anything is posted. Raises NotFound, InvalidInput, Conflict (another count than
    expected), InsufficientStock; then whoever calls has to roll back.
    """
    targets = _targets(session, changes, begins)
    locked: dict[Key, Level] = {}
    pairs = [(one.item, one.site) for one in targets]
    for run in _runs(targets):
        locked = levels.create(session, pairs)
        levels.load_places(session, (locked[one.item.id, one.site.id] for one in run))
        with posting(session) as current:
            for one in run:
                begins(one.number)
                _adjust(session, current, locked, one)
    return stock.of_levels(session, [locked[item.id, site.id] for item, site in pairs])


def _targets(
    session: Session, changes: Sequence[Adjustment], begins: Callable[[int], object]
) -> list[_Target]:
    """Look up what the changes name, everything once."""
    known = _known(session, changes, begins)
    reason_of = cache(partial(reasons.checked, session))
    site_of = cache(partial(warehouses.site, session))
    place_of = cache(partial(warehouses.place, session))
    targets = []
    for number, asked in enumerate(changes):
        begins(number)
        reason = reason_of(asked.reason)
        note = text.line(asked.note, what="note") if asked.note else ""
        item = known.get(asked.ref) or items.one(session, asked.ref)
        site = site_of(asked.warehouse)
        place = shelf = None
        if asked.bin is not None:
            place = place_of(site, asked.bin)
        else:
            shelf = place_of(site, SHELF)
        targets.append(_Target(number, asked, reason, note, item, site, place, shelf))
    return targets


def _known(
    session: Session, changes: Sequence[Adjustment], begins: Callable[[int], object]
) -> dict[str, Item]:
    try:
        return items.known(session, [asked.ref for asked in changes])
    except InvalidInput:
        for number, asked in enumerate(changes):
            begins(number)
            text.code(asked.ref, what="product", maximum=100)
        raise


def _runs(targets: Sequence[_Target]) -> Iterator[Sequence[_Target]]:
    """Yield the changes that can be posted together: whoever breaks holds is written alone, as the
    next one has to see who waits since then."""
    begin = 0
    for place, one in enumerate(targets):
        if one.asked.break_newest:
            yield from (run for run in (targets[begin:place], [one]) if run)
            begin = place + 1
    if targets[begin:]:
        yield targets[begin:]


def _adjust(session: Session, current: Posting, locked: dict[Key, Level], target: _Target) -> None:
    """Post what one change makes of its level, if it makes any difference."""
    asked, item = target.asked, target.item
    level = locked[item.id, target.site.id]
    lot = lots.code(asked.lot) if asked.lot is not None else None
    by = _difference(item, level, target.place, lot, asked)
    if not by:
        return
    place = target.place
    if by > 0:
        place = place or target.shelf
        assert place is not None
        if found := found_lot(session, level, lot, asked.expires_on):
            place = place._replace(lot=found)
            _note_lot(locked, level, found, asked.expires_on)
    elif lot is not None:
        lot = lots.known(session, product_id=item.id, sku=item.sku, lot=lot)
    post(
        session,
        current,
        level,
        by,
        place=place,
        reason=target.reason,
        occurred_at=asked.occurred_at,
        break_newest=asked.break_newest,
        lot=lot,
    )
    told = {
        "warehouse": level.warehouse,
        "change": by,
        "reason": target.reason,
        "note": target.note,
    }
    if lot is not None:
        told["lot"] = lot
    current.tell("stock.adjusted", item.sku, told)


def _note_lot(locked: dict[Key, Level], level: Level, lot: str, expires_on: int | None) -> None:
    """Let the changes that follow know when a new lot expires, wherever pieces of it come to."""
    for one in locked.values() if lot not in level.expiries else ():
        if one.product_id == level.product_id:
            one.expiries[lot] = expires_on


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
    if level.waiting:
        holds.fill(session, current, level)


def _difference(
    item: Item,
    level: Level,
    place: Place | None,
    lot: str | None,
    asked: Adjustment,
) -> int:
    """Return the pieces that a level lacks, negative for what it has too many."""
    change, to, expect = asked.change, asked.to, asked.expect
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
