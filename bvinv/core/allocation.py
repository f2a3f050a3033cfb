"""Which warehouse gives what: pure arithmetic on what is available."""

from collections.abc import Mapping, Sequence

from bvinv.core.levels import Key

STRATEGIES = ("priority", "most-stock", "fewest-splits")
# A product and, where the caller names one, the warehouse: both as ids.
Want = tuple[int, int | None]


def plan(
    wanted: Mapping[Want, int],
    available: Mapping[Key, int],
    order: Sequence[int],
    strategy: str,
) -> tuple[dict[Key, int], dict[Want, int]]:
    """Return how many pieces each level gives, and how many are short for each want.

    `order` are the warehouses by priority. Wants that name a warehouse are served first, so that
    the others do not take what only they can use.
    """
    left = dict(available)
    given: dict[Key, int] = {}
    open_wants: dict[Want, int] = {}
    for (product, site), quantity in wanted.items():
        if site is None:
            open_wants[product, None] = quantity
        else:
            missing = quantity - _give(left, given, (product, site), quantity)
            if missing:
                open_wants[product, site] = missing
    free = {want: quantity for want, quantity in open_wants.items() if want[1] is None}
    if strategy == "fewest-splits":
        _serve_fewest_splits(free, left, given, order)
    else:
        _serve_each(free, left, given, order, by_stock=strategy == "most-stock")
    short = {want: free.get(want, quantity) for want, quantity in open_wants.items()}
    return given, {want: quantity for want, quantity in short.items() if quantity}


def _give(left: dict[Key, int], given: dict[Key, int], key: Key, quantity: int) -> int:
    part = min(quantity, max(left.get(key, 0), 0))
    if part:
        left[key] -= part
        given[key] = given.get(key, 0) + part
    return part


def _serve_each(
    wants: dict[Want, int],
    left: dict[Key, int],
    given: dict[Key, int],
    order: Sequence[int],
    *,
    by_stock: bool,
) -> None:
    for want, quantity in wants.items():
        product, missing = want[0], quantity
        sites = list(order)
        if by_stock:  # sorting is stable: equal stock keeps the priority
            sites.sort(key=lambda site: -left.get((product, site), 0))
        for site in sites:
            missing -= _give(left, given, (product, site), missing)
            if not missing:
                break
        wants[want] = missing


def _serve_fewest_splits(
    wants: dict[Want, int],
    left: dict[Key, int],
    given: dict[Key, int],
    order: Sequence[int],
) -> None:
    """Take from the warehouse that completes most lines, then most pieces, and again: the greedy
    cover of Chvátal (1979), exact when one warehouse has everything."""

    def worth(site: int) -> tuple[int, int, int]:
        parts = [
            (min(quantity, max(left.get((product, site), 0), 0)), quantity)
            for (product, _), quantity in wants.items()
            if quantity
        ]
        complete = sum(part == quantity for part, quantity in parts)
        return complete, sum(part for part, _ in parts), -order.index(site)

    while any(wants.values()) and order:
        best = max(order, key=worth)
        if not worth(best)[1]:
            return
        for want, quantity in wants.items():
            if quantity:
                wants[want] -= _give(left, given, (want[0], best), quantity)
