"""Moving before buying: what one warehouse has too much of may be what another one needs."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from bvinv.core.db import Session
from bvinv.core.replenishment import needs, positions
from bvinv.core.replenishment.needs import Need
from bvinv.core.replenishment.positions import Position
from bvinv.core.replenishment.sourcing import Offer


class Move(NamedTuple):
    """Pieces that could come from another warehouse for a need."""

    need: Need
    origin: str  # the warehouse's code
    quantity: int


def proposed(session: Session, found: Sequence[Need]) -> tuple[list[Move], list[Need]]:
    """Return what could be moved for these needs, the first ones first, and what is left to buy.

    Whoever has the most beyond what they order up to gives, and keeps more available than their
    own reorder point. A warehouse of which nobody knows what it needs gives nothing.
    """
    offers = {need.at.product_id: need.offer for need in found}
    surplus = _surplus(session, offers)
    moves: list[Move] = []
    rest: list[Need] = []
    for need in found:
        at, wanted = need.at, _wanted(need)
        sources = surplus.get(at.product_id, {})
        for code in sorted(sources, key=lambda code: (-sources[code], code)):
            if code == at.warehouse or not (part := min(wanted, sources[code])):
                continue
            sources[code] -= part
            wanted -= part
            at = at._replace(
                position=at.position + part, draft_transfers_in=at.draft_transfers_in + part
            )
            moves.append(Move(need, code, part))
        left = need if at is need.at else needs.decided(at, need.offer)
        if left.at.position < left.reorder_point:
            rest.append(left)
    return moves, rest


def _wanted(need: Need) -> int:
    """Return how many pieces lift the position to the level that is ordered up to."""
    wanted = need.order_up_to - need.at.position
    if need.at.max_stock is not None:
        wanted = min(wanted, need.at.max_stock - need.at.position)
    return min(max(wanted, 0), needs.MOST)


def _surplus(session: Session, offers: Mapping[int, Offer | None]) -> dict[int, dict[str, int]]:
    """Return the pieces that each warehouse can do without, by product and warehouse code."""
    found: dict[int, dict[str, int]] = {}
    for at in positions.of_products(session, offers):
        offer = offers[at.product_id]
        if (spare := _spare(at, offer.minimum_quantity if offer else 1)) > 0:
            found.setdefault(at.product_id, {})[at.warehouse] = spare
    return found


def _spare(at: Position, minimum: int) -> int:
    if at.reorder_point is None and at.max_stock is None:
        return 0
    keeps = at.order_up_to(minimum) if at.reorder_point is not None else at.max_stock or 0
    there = at.available - at.draft_transfers_out - (at.reorder_point or 0)
    return min(at.position - keeps, there)
