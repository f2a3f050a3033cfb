"""From a level of demand to what is ordered: whole numbers only, so that anybody can check them.

An order is due when the inventory position is below the reorder point, never at it: "at or below"
holds one more piece of everything, half the stock of a slow title (FORECAST.md 5).
"""

from math import isqrt
from typing import NamedTuple

BLOCKED = "blocked by max_stock"
MOST_ORDERED = 10**9  # pieces, in one line


class Decision(NamedTuple):
    """How many pieces to order, and what was done to the number, in words; often nothing."""

    quantity: int
    note: str


class Levels(NamedTuple):
    """When to order and up to what, in pieces, and what was done to them, in words."""

    reorder_point: int
    safety_stock: int
    order_up_to: int
    note: str


def order_quantity(
    position: int,
    *,
    reorder_point: int,
    order_up_to: int,
    pack_size: int = 1,
    minimum_quantity: int = 1,
    max_stock: int | None = None,
) -> Decision:
    """Return how many pieces to order at an inventory position, 0 where nothing is due.

    What lifts the position to `order_up_to`, at least the supplier's minimum, in whole packs; as
    many packs fewer as `max_stock` asks for, and nothing where that is less than the minimum.
    """
    if position >= reorder_point:
        return Decision(0, "")
    wanted = max(order_up_to, reorder_point) - position
    notes = []
    if minimum_quantity > wanted:
        notes.append(f"raised to the minimum of {minimum_quantity}")
    least = max(wanted, minimum_quantity)
    quantity = -(-least // pack_size) * pack_size
    if quantity > least:
        notes.append(f"rounded up to packs of {pack_size}")
    if max_stock is not None and position + quantity > max_stock:
        quantity = max(max_stock - position, 0) // pack_size * pack_size
        if quantity < max(minimum_quantity, 1):
            return Decision(0, BLOCKED)
        notes = ["reduced by max_stock"]
    return Decision(quantity, "; ".join(notes))


def economic_quantity(
    annual_demand: int, order_cost: int, holding_rate: int, unit_cost: int
) -> int:
    """Return the order quantity at which ordering and holding cost least, in pieces: at least 1,
    at most what an order may have.

    sqrt(2 K D / h), rounded (Harris, "How Many Parts to Make at Once", 1913). The demand of a year
    is in thousandths of a piece, costs are in minor units of one currency, and the holding rate is
    the part of its cost that a piece costs a year, in hundredths of a percent. Raises ValueError
    where holding costs nothing.
    """
    holding = holding_rate * unit_cost
    if holding <= 0:
        raise ValueError("where holding costs nothing, no quantity is the most economic one")
    # Four times the square, so that the root is known to half a piece.
    doubled = isqrt(80 * order_cost * annual_demand // holding)
    return min(max((doubled + 1) // 2, 1), MOST_ORDERED)


def levels(
    smoothed: int, *, mean: int, order_quantity: int, max_stock: int | None = None
) -> Levels:
    """Return the reorder point, the safety stock and the level to order up to.

    `smoothed` is the level of demand over lead time and review that the stock has to suffice for,
    and `mean` the demand expected then, both in thousandths of a piece; `order_quantity` is what
    is ordered at a time. The reorder point is the level rounded half up; 0 says "do not stock",
    and then only what is owed to customers is ordered. A `max_stock` cuts all three.
    """
    reorder_point = (smoothed + 500) // 1000
    order_up_to = reorder_point + max(order_quantity, 1) if reorder_point else 0
    note = "do not stock" if reorder_point == 0 else ""
    if max_stock is not None and order_up_to > max_stock:
        reorder_point, order_up_to = min(reorder_point, max_stock), max_stock
        note = "cut to max_stock"
    safety_stock = max((reorder_point * 1000 - mean + 500) // 1000, 0)
    return Levels(reorder_point, safety_stock, order_up_to, note)
