"""Putting away: where new pieces should go, and the way there."""

from typing import Any, NamedTuple

from bvinv.core import bins, holds, items, levels, lots, shortages, stock, text, warehouses
from bvinv.core.db import Session, Sql
from bvinv.core.errors import Conflict, InvalidInput
from bvinv.core.items import Item
from bvinv.core.ledger import Level, Place, posting
from bvinv.core.levels import Site
from bvinv.core.models.base import MOST
from bvinv.core.models.stock import PutAwayRow
from bvinv.core.models.warehouse import DOCK, ProposalRow

FIXED, LIES_THERE, EMPTY, NONE = "fixed", "lies-there", "empty", "none"

_LEVEL = Sql("""
    SELECT id, fixed_bin_id FROM stock_level WHERE product_id = :product AND warehouse_id = :site
""")
_LYING = Sql("""
    SELECT coalesce(sum(s.quantity), 0) AS pieces
      FROM bin_level AS s JOIN stock_level AS l ON l.id = s.level_id
     WHERE l.product_id = :product AND l.warehouse_id = :site AND s.bin_id = :bin
""")
_BIN = """
    SELECT b.id, b.code, b.capacity
         , (SELECT coalesce(sum(s.quantity), 0) FROM bin_level AS s WHERE s.bin_id = b.id) AS lying
      FROM bin AS b WHERE {where}
     ORDER BY b.pick_sequence IS NULL, b.pick_sequence, b.code {limit}
"""
_FIXED = Sql(_BIN.format(where="b.id = :fixed", limit=""))
_WITH_SKU = Sql(
    _BIN.format(
        where="""b.kind = 'storage' AND b.id IN (
            SELECT bin_id FROM bin_level WHERE level_id = :level AND quantity > 0)""",
        limit="",
    )
)
# A bin that is another product's own stays free for it.
_EMPTY = Sql(
    _BIN.format(
        where="""b.warehouse_id = :site AND b.kind = 'storage' AND b.id <> :but
            AND (b.capacity IS NULL OR b.capacity >= :quantity)
            AND NOT EXISTS (SELECT 1 FROM bin_level AS s WHERE s.bin_id = b.id AND s.quantity > 0)
            AND NOT EXISTS (SELECT 1 FROM stock_level AS f WHERE f.fixed_bin_id = b.id)""",
        limit="LIMIT 1",
    )
)


class _Proposal(NamedTuple):
    place: Place | None
    why: str
    lying: int = 0
    capacity: int | None = None


def propose(
    session: Session,
    *,
    ref: str,
    warehouse: str,
    quantity: int | None = None,
    origin: str = DOCK,
) -> ProposalRow:
    """Return where so many of a product should go; None means all that lies in `origin`.

    Its fixed bin; else a storage bin where some of it lies, the first in walking order; else the
    first empty one that is nobody's fixed bin; only bins with room for all of it, and never the one
    that it lies in. Raises NotFound, InvalidInput.
    """
    item = items.one(session, ref)
    site = warehouses.site(session, warehouse)
    source = warehouses.place(session, site, origin)
    pieces = _pieces(session, item, site, source, quantity)
    found = _proposal(session, item, site, source, pieces)
    return ProposalRow(
        sku=item.sku,
        warehouse=site.code,
        quantity=pieces,
        bin=found.place.code if found.place else None,
        why=found.why,
        lying=found.lying,
        capacity=found.capacity,
        room=None if found.capacity is None else found.capacity - found.lying,
    )


def put_away(
    session: Session,
    *,
    ref: str,
    quantity: int | None = None,
    warehouse: str,
    origin: str = DOCK,
    target: str | None = None,
    lot: str | None = None,
    over_capacity: bool = False,
) -> PutAwayRow:
    """Move pieces (all that lie there, if nothing is said) from one bin of a warehouse to another.

    Without a target they go where `propose` says; another storage bin that a worker chooses is
    recorded beside the proposal. Into quarantine or damage they stop being on hand, so that is
    refused below what is reserved. Raises NotFound, InvalidInput, InsufficientStock, and Conflict
    for more than fits into the bin, unless `over_capacity`, which is recorded, too.
    """
    item = items.one(session, ref)
    site = warehouses.site(session, warehouse)
    source = warehouses.place(session, site, origin)
    goal = warehouses.place(session, site, target) if target is not None else None
    if source == goal:
        raise InvalidInput(f"the goods lie in {source.code} already", bin=source.code)
    found, chosen, fits = _choose(session, item, site, source, goal, quantity)
    [level] = levels.create(session, [(item, site)]).values()
    levels.load_places(session, [level])
    if lot is not None:
        lot = lots.known(session, product_id=item.id, sku=item.sku, lot=lot)
    moving = item.pieces(quantity) if quantity is not None else _all(level, source, lot)
    parts = shortages.giving(level, source, moving, lot)
    if chosen is None:
        raise Conflict(
            f"no bin of {site.code} has room for {moving} of {item.sku}: "
            "none that is its own, holds some of it already, or is empty",
            hint="put away fewer, or name a bin: --to BIN",
            sku=item.sku,
            warehouse=site.code,
            quantity=moving,
        )
    is_over = moving > fits
    if is_over and not over_capacity:
        raise _too_full(site, chosen, item, moving, fits)
    told: dict[str, Any] = {"warehouse": site.code, "quantity": moving}
    told |= {"from": source.code, "to": chosen.code}
    if found.place:
        told |= {"proposed": found.place.code, "why": found.why, "chosen": chosen.code}
    if is_over:
        told["over_capacity"] = moving - fits
    _move(session, item, level, parts, chosen, told)
    return PutAwayRow(
        **dict(stock.one(session, item, site)),
        quantity=moving,
        from_bin=source.code,
        to_bin=chosen.code,
        proposed=found.place.code if found.place else None,
        why=found.why or None,
    )


def _choose(
    session: Session,
    item: Item,
    site: Site,
    source: Place,
    goal: Place | None,
    quantity: int | None,
) -> tuple[_Proposal, Place | None, int]:
    """Return the proposal, the bin that is chosen, locked if it has a capacity, and its room."""
    wanted = _pieces(session, item, site, source, quantity)
    found = _Proposal(None, "")
    if goal is None or goal.rank == levels.rank("storage"):
        found = _proposal(session, item, site, source, wanted)
    while True:
        chosen = goal or found.place
        room = bins.lock_room(session, [chosen] if chosen else [])
        fits = room.get(chosen.bin_id or 0, MOST) if chosen else 0
        if goal or not chosen or fits >= wanted:
            return found, chosen, fits
        # It filled up while this waited for the lock.
        found = _proposal(session, item, site, source, wanted)


def _move(
    session: Session,
    item: Item,
    level: Level,
    parts: list[tuple[Place, int]],
    goal: Place,
    told: dict[str, Any],
) -> None:
    with posting(session) as current:
        leaving = sum(part for place, part in parts if place.sellable)
        if leaving and not goal.sellable:
            stale = shortages.stale_part(level, parts)
            shortages.make_room(session, current, level, leaving, break_newest=False, stale=stale)
        for origin, part in parts:
            current.post(level, "move", part, origin=origin, target=goal)
        holds.fill(session, current, level)
        current.tell("stock.moved", item.sku, told)


def _pieces(session: Session, item: Item, site: Site, source: Place, quantity: int | None) -> int:
    """Return how many pieces are meant, before anything is locked: all means what lies there."""
    if quantity is not None:
        text.quantity(quantity)
        return item.pieces(quantity)
    lying = session.ask(_LYING, product=item.id, site=site.id, bin=source.bin_id)
    return int(lying[0].pieces)


def _all(level: Level, source: Place, lot: str | None) -> int:
    """Return how many pieces can leave a bin; one at least, so that a bin with none is refused."""
    return max(sum(part for _, part in levels.take(level, MOST, source.bin_id, lot)), 1)


def _proposal(session: Session, item: Item, site: Site, source: Place, quantity: int) -> _Proposal:
    """Return the bin that should get so many pieces."""
    known = session.ask(_LEVEL, product=item.id, site=site.id)
    asked: list[tuple[str, Sql, dict[str, Any]]] = []
    for level in known:
        asked.append((FIXED, _FIXED, {"fixed": level.fixed_bin_id or 0}))
        asked.append((LIES_THERE, _WITH_SKU, {"level": level.id}))
    asked.append((EMPTY, _EMPTY, {"site": site.id, "but": source.bin_id, "quantity": quantity}))
    for why, statement, values in asked:
        for row in session.ask(statement, **values):
            lying = int(row.lying)
            if row.id != source.bin_id and (
                row.capacity is None or row.capacity - lying >= quantity
            ):
                place = warehouses.place(session, site, row.code)
                return _Proposal(place, why, lying, row.capacity)
    return _Proposal(None, NONE)


def _too_full(site: Site, goal: Place, item: Item, wanted: int, fits: int) -> Conflict:
    return Conflict(
        f"{goal.code} at {site.code} has room for {max(fits, 0)}, not for {wanted}",
        hint="put away fewer, choose another bin, or say --over-capacity",
        sku=item.sku,
        warehouse=site.code,
        bin=goal.code,
        wanted=wanted,
        room=max(fits, 0),
    )
