"""Refusals for want of stock: what is there, and who holds the rest."""

from collections.abc import Sequence
from typing import Any

from bvinv.core import holds, levels
from bvinv.core.db import Session
from bvinv.core.errors import InsufficientStock
from bvinv.core.ledger import Level, Place, Posting

NAMED, LISTED = 5, 50  # holders in the sentence, and in the error's numbers


def make_room(
    session: Session, current: Posting, level: Level, quantity: int, *, break_newest: bool
) -> None:
    """See to it that this many pieces may leave although others are reserved.

    Raises InsufficientStock, naming the holders, unless their newest holds may be broken.
    """
    if level.lapsed:
        holds.lapse(session, current, level)
    short = quantity - (level.on_hand - level.reserved)
    if short <= 0:
        return
    if not break_newest:
        raise _too_little(session, level, quantity)
    holds.break_newest(session, current, level, short)


def giving(
    level: Level, place: Place | None, quantity: int, lot: str | None = None
) -> list[tuple[Place, int]]:
    """Return which bins, or lots of the named one, give. Raises InsufficientStock when they hold
    less that is still good and that nobody picked."""
    bin_id = None if place is None else place.bin_id
    taken = levels.take(level, quantity, bin_id, lot)
    lying = sum(part for _, part in taken)
    if lying < quantity:
        where = level.warehouse if place is None else f"{place.code} at {level.warehouse}"
        raise InsufficientStock(
            f"only {lying} of {level.sku} lie in {where}, {quantity} wanted",
            hint=f"see: bvinv stock why {level.sku} --warehouse {level.warehouse}",
            sku=level.sku,
            warehouse=level.warehouse,
            wanted=quantity,
            available=lying,
        )
    return taken


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


def _too_little(session: Session, level: Level, wanted: int) -> InsufficientStock:
    free = level.on_hand - level.reserved
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
