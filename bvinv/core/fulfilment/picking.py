"""Picking: the walk through a warehouse that brings what a reservation holds to staging.

A list is a plan and no promise; what was picked is its order's own until it leaves or goes back.
"""

from collections.abc import Sequence

from bvinv.core import documents, holds, items, levels, promises, text, warehouses
from bvinv.core.counts import count_scopes, counting
from bvinv.core.db import Session, Sql
from bvinv.core.errors import Conflict, InsufficientStock, InvalidInput
from bvinv.core.fulfilment import pick_work, picks
from bvinv.core.fulfilment.pick_plans import Plan
from bvinv.core.fulfilment.pick_work import Chosen, Work
from bvinv.core.fulfilment.picks import Line
from bvinv.core.ledger import ADJUSTMENT, Level, Place, Posting, posting
from bvinv.core.models.pick import PickRow, ShortRow

LEAST = 7 * 86_400 * 1_000_000  # microseconds that a hold lasts at least once somebody picks it
NOT_FOUND = "not-found"  # the reason for pieces that were not where the record said

_OPEN_COUNTS = Sql("""
    SELECT c.id, c.scope FROM stock_count AS c JOIN warehouse AS w ON w.id = c.warehouse_id
     WHERE w.code = :warehouse AND c.status = 'open' ORDER BY c.id
""")


def start(session: Session, *, reservation_id: str) -> PickRow:
    """Return the pick lists of what a reservation holds, in walking order; make or mend them.

    One list a warehouse. Pieces that are held and on no list are added, those that expired or are
    no longer held are taken off; then the hold lasts 7 days at least. Raises NotFound, Conflict
    when the reservation is over or holds nothing, InsufficientStock when nothing of it can be
    fetched.
    """
    found = promises.live(session, reservation_id)
    work = pick_work.work(session, found.id, promises.filled_parts(session, found))
    if not any(part.held for part in work.parts.values()):
        raise Conflict(
            f"reservation {work.id} holds nothing yet; it waits for goods",
            hint=f"see: bvinv reserve show {work.id}",
            reservation_id=work.id,
        )
    taken_off = pick_work.take_off(work)
    plan = Plan(session, [part.level for part in work.parts.values()], work.id)
    added = []
    for number, part in work.parts.items():
        missing = part.held - work.listed(number) - work.staged(number)
        added += [(part.level, *one) for one in plan.give(part.level, missing)]
    if not added and not any(line.left or line.staged for line in work.lines):
        raise InsufficientStock(
            f"nothing that reservation {work.id} holds can be picked: it has expired",
            hint=f"see: bvinv reserve show {work.id}",
            reservation_id=work.id,
        )
    if taken_off or added:
        picks.save(session, taken_off)
        pick_work.add(session, work.id, added)
        picks.settle(session, work.id)
        promises.prolong(session, found, session.now + LEAST)
        with posting(session) as current:
            told = [(line, line.left) for line in picks.lines(session, work.id)]
            pick_work.tell(current, "pick.started", work.id, told)
    return picks.show(session, work.id)


def pick(
    session: Session,
    *,
    reservation_id: str,
    lines: Sequence[tuple[str, int]] = (),
    bin: str | None = None,
    everything: bool = False,
) -> PickRow:
    """Bring pieces to staging: these, or `everything` as listed. They stay on hand and reserved.

    `bin` is where they were taken from, also if that is not where the list said. Raises NotFound,
    Conflict when the reservation is over or more is picked than listed, InsufficientStock when the
    bin has fewer that are good and not picked.
    """
    if not everything and not lines:
        raise InvalidInput("say what was picked", hint="SKU=QTY, or all of it as listed: --all")
    work = pick_work.at_work(session, reservation_id)
    if everything:
        chosen = [(line, line.left) for line in work.lines if line.left]
        if not chosen:
            raise Conflict(
                f"nothing is left to pick for {work.id}",
                hint=f"pack it: bvinv reserve pack {work.id} --package LABEL",
                reservation_id=work.id,
            )
    else:
        chosen = _chosen(session, work, lines, bin)
    _check(work, chosen)

    # From here on nothing can fail.
    with posting(session) as current:
        for line, quantity in chosen:
            level = work.level(line)
            line.picked += quantity
            level.picked[line.target] = level.picked.get(line.target, 0) + quantity
            current.post(
                level, "pick", quantity, origin=line.origin, target=line.target, document=work.id
            )
        pick_work.tell(current, "pick.confirmed", work.id, chosen)
        picks.save(session, work.lines)
        picks.settle(session, work.id)
    return picks.show(session, work.id)


def short(
    session: Session,
    *,
    reservation_id: str,
    ref: str,
    quantity: int | None = None,
    bin: str | None = None,
) -> PickRow:
    """Report pieces that are not where the list says: `quantity`, or all that is still to be
    picked there. The bin is the first of the walk unless it is named.

    Its record is corrected by them (reason `not-found`) and it is to be counted. Other bins that
    have pieces come on the list; where too few are left this reservation's own hold becomes a
    backorder, never another's. What the record has in no other bin stays held until the count has
    settled it. Pieces that expired are not missing. Raises NotFound, InvalidInput, Conflict.
    """
    work = pick_work.at_work(session, reservation_id)
    item = items.one(session, ref)
    code = None if bin is None else warehouses.bin_code(bin)
    listed = [
        line
        for line in work.lines
        if line.product_id == item.id and line.left and code in (None, line.origin.code)
    ]
    if listed and all(work.is_stale(line) for line in listed):
        raise pick_work.expired(work, listed[0])
    listed = [line for line in listed if not work.is_stale(line)]
    stop = [
        line
        for line in listed
        if (line.level_id, line.origin.bin_id) == (listed[0].level_id, listed[0].origin.bin_id)
    ]
    left = sum(line.left for line in stop)
    missing = left if quantity is None else item.pieces(text.quantity(quantity))
    if missing > left or not left or stop[0].level_id not in work.parts:
        where = f"still to be picked{f' in {code}' if code else ''}"
        raise pick_work.too_many(where, work.id, item.sku, left, missing)
    level = work.level(stop[0])
    plan = Plan(session, [level], work.id)

    # From here on nothing can fail.
    with posting(session) as current:
        if level.lapsed:
            holds.lapse(session, current, level)
        said, found = _make_true(session, current, work, level, plan, stop, missing)
        holds.fill(session, current, level)
        pick_work.tell(current, "pick.shorted", work.id, [(stop[0], missing)])
        picks.save(session, stop)
        pick_work.add(session, work.id, [(level, *one) for one in found])
        picks.settle(session, work.id)
    count = _count(session, said) if said.adjusted else None
    return picks.show(session, work.id, [said.model_copy(update={"count": count})])


def cancel(session: Session, *, reservation_id: str) -> PickRow:
    """Bring what was picked back to its bins, and end the lists; the hold stays.

    Packages that were not shipped are unpacked. Raises NotFound, Conflict.
    """
    work = pick_work.at_work(session, reservation_id)
    with posting(session) as current:
        by_id = {number: part.level for number, part in work.parts.items()}
        told = picks.bring_back(session, current, by_id, work.id)
        pick_work.tell(current, "pick.cancelled", work.id, told)
    return picks.show(session, work.id)


def _make_true(
    session: Session,
    current: Posting,
    work: Work,
    level: Level,
    plan: Plan,
    stop: Sequence[Line],
    missing: int,
) -> tuple[ShortRow, list[tuple[Place, int]]]:
    """Take off the record of a bin what is not there, and make this order's hold what can be had;
    return what was done, and where the rest is to be fetched."""
    held = work.parts[level.id].held - work.staged(level.id)
    place = stop[0].origin
    rest, lying = missing, {}
    for line in stop:
        part = min(line.left, rest)
        line.short += part
        rest -= part
        there = level.places.get(line.origin, 0) - level.picked.get(line.origin, 0)
        lying[line.origin] = max(there, 0)
    wanted = min(missing, held)
    found = plan.give(level, wanted, avoid=place.bin_id)
    free = max(level.free, 0)
    gone = min(missing, sum(lying.values()))
    waiting = min(max(gone - free, 0), held)
    gone = min(gone, level.on_hand - level.reserved + waiting)
    if waiting:
        holds.break_one(session, current, level, work.id, waiting)
    rest = gone
    for origin, there in lying.items():
        part = min(there, rest)
        if part:
            rest -= part
            current.post(
                level,
                "adjust",
                part,
                origin=origin,
                target=ADJUSTMENT,
                reason=NOT_FOUND,
                document=work.id,
            )
    found = _at_most(found, wanted - waiting)
    elsewhere = sum(pieces for _, pieces in found)
    row = ShortRow(
        warehouse=level.warehouse,
        bin=place.code,
        sku=level.sku,
        short=missing,
        elsewhere=elsewhere,
        backordered=waiting,
        unsettled=wanted - waiting - elsewhere,
        adjusted=gone,
        count=None,
    )
    return row, found


def _count(session: Session, said: ShortRow) -> str:
    """Return the open count of a bin where pieces were missing, one that is opened if need be."""
    for row in session.ask(_OPEN_COUNTS, warehouse=said.warehouse):
        scope = count_scopes.stored(row.scope)
        bins, products = scope.bins, scope.products
        if (
            (bins and bins[0] <= said.bin <= bins[1])
            or (products and said.sku in products)
            or not (bins or products or scope.name)
        ):
            return documents.number("CT", row.id)
    note = f"{said.short} of {said.sku} were not found when picked"
    return counting.open(session, warehouse=said.warehouse, bins=said.bin, note=note).count


def _at_most(found: Sequence[tuple[Place, int]], most: int) -> list[tuple[Place, int]]:
    kept = []
    for place, pieces in found:
        part = min(pieces, most)
        most -= part
        if part:
            kept.append((place, part))
    return kept


def _chosen(
    session: Session, work: Work, lines: Sequence[tuple[str, int]], bin: str | None
) -> Chosen:
    """Return which lines of the lists these pieces are for, in walking order."""
    chosen: Chosen = []
    code = None if bin is None else warehouses.bin_code(bin)
    by_product: dict[int, list[Line]] = {}
    for line in work.lines:
        if line.left and line.level_id in work.parts:
            by_product.setdefault(line.product_id, []).append(line)
    for product, (sku, quantity) in pick_work.wanted(session, lines).items():
        listed = by_product.get(product, [])
        left = sum(line.left for line in listed)
        if quantity > left:
            raise pick_work.too_many("still to be picked", work.id, sku, left, quantity)
        rest = quantity
        for line in listed:
            part = min(line.left, rest)
            if part and code in (None, line.origin.code):
                chosen.append((line, part))
                rest -= part
        if rest:
            assert code is not None
            others = [line for line in listed if line.origin.code != code]
            chosen += _from_elsewhere(session, work, others, code, rest)
    return chosen


def _from_elsewhere(
    session: Session, work: Work, listed: list[Line], code: str, quantity: int
) -> Chosen:
    """Let a bin that the list did not name give; the list then says so."""
    sites = warehouses.sites(session)
    own = [line for line in listed if any(p.code == code for p in work.level(line).places)]
    line = (own or listed)[0]
    level = work.level(line)
    place = warehouses.place(session, sites[level.warehouse], code)
    if not place.sellable:
        raise Conflict(f"what lies in {place.code} at {level.warehouse} is not for sale")
    taken = levels.take(level, quantity, place.bin_id)
    if sum(pieces for _, pieces in taken) < quantity or sum(one.left for one in own) < quantity:
        raise pick_work.not_there(work, line, place, sum(pieces for _, pieces in taken), quantity)
    chosen = []
    for origin, pieces in taken:
        rest = pieces
        while rest:
            line = next(one for one in own if one.left)
            part = min(line.left, rest)
            line.quantity -= part
            rest -= part
            new = pick_work.new_line(line.pick_id, level, origin, line.target, part)
            work.lines.append(new)
            chosen.append((new, part))
    return chosen


def _check(work: Work, chosen: Chosen) -> None:
    """Raise when a bin has fewer than are picked, or the reservation holds fewer."""
    giving: dict[tuple[int, Place], int] = {}
    coming: dict[int, int] = {}
    for line, quantity in chosen:
        if line.level_id not in work.parts:
            raise pick_work.too_many("still held", work.id, line.sku, 0, quantity)
        level = work.level(line)
        key = (line.level_id, line.origin)
        giving[key] = giving.get(key, 0) + quantity
        there = level.places.get(line.origin, 0) - level.picked.get(line.origin, 0)
        if work.is_stale(line):
            raise pick_work.expired(work, line)
        if giving[key] > there:
            raise pick_work.not_there(work, line, line.origin, there, giving[key])
        coming[level.id] = coming.get(level.id, 0) + quantity
        held = work.parts[level.id].held - work.staged(level.id)
        if coming[level.id] > held:
            raise pick_work.too_many("still held", work.id, line.sku, held, coming[level.id])
