"""Refusals for want of stock: what is there, and who holds the rest."""

from collections.abc import Sequence
from typing import Any

from bvinv.core import holds, levels
from bvinv.core.db import Session
from bvinv.core.errors import InsufficientStock
from bvinv.core.ledger import Level, Place, Posting

NAMED, LISTED = 5, 50  # holders in the sentence, and in the error's numbers


def make_room(
    session: Session,
    current: Posting,
    level: Level,
    quantity: int,
    *,
    break_newest: bool,
    stale: int = 0,
) -> None:
    """See to it that this many pieces may leave although others are reserved; `stale` ones of them
    have expired, so that nobody's hold is served by them.

    Raises InsufficientStock, naming the holders, unless their newest holds may be broken.
    """
    if level.lapsed:
        holds.lapse(session, current, level)
    short = quantity - (level.on_hand - level.reserved)
    if quantity > stale:
        short = max(short, quantity - stale - level.free)
    if short <= 0:
        return
    if not break_newest or short > level.reserved:
        raise _too_little(session, level, quantity, max(quantity - short, 0))
    holds.break_newest(session, current, level, short)


def giving(
    level: Level, place: Place | None, quantity: int, lot: str | None = None
) -> list[tuple[Place, int]]:
    """Return which bins, or lots of the named one, give. Raises InsufficientStock when they hold
    less that is still good and that nobody picked, and names the lots that have expired."""
    bin_id = None if place is None else place.bin_id
    taken = levels.take(level, quantity, bin_id, lot)
    lying = sum(part for _, part in taken)
    if lying < quantity:
        where = level.warehouse if place is None else f"{place.code} at {level.warehouse}"
        raise InsufficientStock(
            f"only {lying} of {level.sku} lie in {where}, {quantity} wanted"
            + kept(level, place, lot),
            hint=f"see: bvinv stock why {level.sku} --warehouse {level.warehouse}",
            sku=level.sku,
            warehouse=level.warehouse,
            wanted=quantity,
            available=lying,
        )
    return taken


def stale_part(level: Level, taken: Sequence[tuple[Place, int]]) -> int:
    """Return how many of the pieces that give have expired."""
    return sum(part for place, part in taken if place.sellable and place.lot in level.stale)


def kept(level: Level, place: Place | None = None, lot: str | None = None) -> str:
    """Return, as the end of a sentence, what lies there, too, and is not given: what has expired,
    what was picked, and of what customers sent back the pieces that nobody decided on."""
    there = [
        one
        for one in level.places
        if (one.sellable if place is None else one.bin_id == place.bin_id)
        and (lot is None or one.lot == lot)
    ]
    old: dict[str, int] = {}
    for one in there:
        if lot is None and one.sellable and one.lot in level.stale and level.places[one]:
            old[one.lot] = old.get(one.lot, 0) + level.places[one]
    picked = sum(level.picked.get(one, 0) for one in there if one.sellable)
    undecided = sum(level.picked.get(one, 0) for one in there if not one.sellable)
    named = ", ".join(f"{code} ({pieces})" for code, pieces in sorted(old.items())[:NAMED])
    said = f"; expired: lot {named}" if old else ""
    said += f"; picked for orders: {picked}" if picked else ""
    return said + (f"; sent back and not decided on: {undecided}" if undecided else "")


def holders(session: Session, touched: Sequence[Level]) -> tuple[str, list[dict[str, Any]]]:
    """Return who holds pieces of these levels, as the end of a sentence and as a list."""
    held: dict[str, int] = {}
    for level in touched:
        for line in holds.holders(session, level, limit=LISTED):
            held[line.reservation_id] = held.get(line.reservation_id, 0) + line.held
    if not held:
        return "", []
    who = ", ".join(f"{number} ({pieces})" for number, pieces in [*held.items()][:NAMED])
    more = f" and {len(held) - NAMED} more" if len(held) > NAMED else ""
    listed = [{"reservation_id": number, "held": pieces} for number, pieces in held.items()]
    return f"; held by {who}{more}", listed[:LISTED]


def _too_little(session: Session, level: Level, wanted: int, free: int) -> InsufficientStock:
    who, held = holders(session, [level])
    return InsufficientStock(
        f"only {free} of {level.sku} can leave {level.warehouse}, {wanted} wanted{who}",
        hint="release a hold, or use --break newest" if who else None,
        sku=level.sku,
        warehouse=level.warehouse,
        wanted=wanted,
        available=free,
        holders=held,
    )
