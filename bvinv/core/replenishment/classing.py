"""Classes of what is sold: A, B and C by revenue; how much it varies, and how often it comes."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from bvinv.core import classes, dates, items, money, warehouses
from bvinv.core.db import Session, Sql
from bvinv.core.errors import InvalidInput
from bvinv.core.models.stock_report import ClassRow, ClassSummary
from bvinv.core.replenishment import reporting, sales, service
from bvinv.core.replenishment.sales import DAY, Pair

if TYPE_CHECKING:
    from bvinv.core.replenishment.demand import Panel

WINDOW = 364 * DAY  # 52 weeks
WEEKS = 52  # of demand, for what no night has looked at
PERIODS = 4  # weeks whose demand is called steady or not, where no lead time says it
MANY = 5_000  # products

_FINE = 10**15  # to sort shares as whole numbers

_PRICES = Sql("SELECT id, price, currency FROM product WHERE price IS NOT NULL")
_IMPORTED = Sql("""
    SELECT p.id, w.id FROM product AS p CROSS JOIN warehouse AS w
     WHERE EXISTS (SELECT 1 FROM demand_day AS d
                    WHERE d.product_id = p.id AND d.warehouse_id = w.id)
""")
_PRODUCTS = Sql("SELECT id, sku, sku_key, coalesce(category_id, -1) FROM product")
_STORED = Sql("""
    SELECT product_id, warehouse_id, xyz, quadrant FROM forecast_level WHERE product_id IN :products
""")

_Pattern = tuple[str | None, str | None]  # XYZ and quadrant


class _Line(NamedTuple):
    """A product in a warehouse and what it earned there, in minor units."""

    sku: str
    warehouse: str
    pair: Pair
    category: int
    abc: str
    revenue: int | None
    currency: str | None
    total: int
    sold: int


class _Earned:
    """What each product earned in each warehouse in the 52 weeks until a day, at today's prices."""

    def __init__(self, session: Session, as_of: int | None) -> None:
        until = session.now // DAY * DAY if as_of is None else sales.end_of(as_of)
        self.sold = sales.pieces(session, since=until - WINDOW, until=until)
        imported = ((product, site) for product, site in session.stream(_IMPORTED))
        self.pairs: set[Pair] = {*sales.levels(session).values(), *imported}
        self.prices = {number: (price, code) for number, price, code in session.stream(_PRICES)}
        values: dict[tuple[int, str], Counter[int]] = defaultdict(Counter)
        for pair, pieces in self.sold.items():
            if pair[0] in self.prices:
                price, currency = self.prices[pair[0]]
                values[pair[1], currency][price * pieces] += 1
        self.cuts = {group: classes.cuts(counted) for group, counted in values.items()}
        self.totals = {
            group: sum(value * times for value, times in counted.items() if value > 0)
            for group, counted in values.items()
        }

    def of(self, pair: Pair) -> tuple[str, int | None, str | None, int]:
        """Return the class, the revenue in minor units, its currency, and what all earned in it."""
        if pair[0] not in self.prices:
            return "C", None, None, 0
        price, currency = self.prices[pair[0]]
        group = (pair[1], currency)
        revenue = price * self.sold.get(pair, 0)
        if group not in self.cuts:
            return "C", revenue, currency, 0
        return self.cuts[group].class_of(revenue), revenue, currency, self.totals[group]


def abc(session: Session, *, as_of: int | None = None) -> dict[Pair, str]:
    """Return the class of every product in every warehouse that has a level or imported demand.

    By revenue at the current price over the 52 weeks that end with `as_of` (a day as in `dates`;
    yesterday where nothing is said), in each warehouse and currency apart, cut as `core.classes`
    does. What sold nothing, or has no price, is C.
    """
    earned = _Earned(session, as_of)
    return {pair: earned.of(pair)[0] for pair in earned.pairs}


def page(
    session: Session,
    *,
    refs: Collection[str] = (),
    warehouse: str | None = None,
    as_of: int | None = None,
    limit: int = 50,
    after: str | None = None,
) -> tuple[list[ClassRow], str | None]:
    """Return a page of the classes, the largest shares first, and the cursor of the next page.

    XYZ and the quadrant are those of the last `forecast run`; where there is none, or `as_of` asks
    for another day, they are made from the last 52 weeks. Raises NotFound, InvalidInput.
    """
    lines = _lines(session, refs, warehouse, as_of)
    part, cursor = reporting.page(lines, limit=limit, after=after)
    patterns = _patterns(session, [line.pair for line in part], as_of)
    goals = service.goals(session)
    rows = [
        ClassRow(
            sku=line.sku,
            warehouse=line.warehouse,
            abc=line.abc,
            xyz=xyz,
            quadrant=quadrant,
            revenue=_shown(line),
            currency=line.currency,
            share=reporting.rounded(max(line.revenue or 0, 0), line.total, 4)
            if line.total
            else 0.0,
            sold=line.sold,
            service_level=goals.of(line.pair[0], line.category, line.abc).level / 10_000,
        )
        for line, (xyz, quadrant) in ((line, patterns[line.pair]) for line in part)
    ]
    return rows, cursor


def summary(
    session: Session,
    *,
    refs: Collection[str] = (),
    warehouse: str | None = None,
    as_of: int | None = None,
) -> list[ClassSummary]:
    """Return how many are of which class, A to C. Raises NotFound, InvalidInput."""
    lines = _lines(session, refs, warehouse, as_of)
    patterns = _patterns(session, [line.pair for line in lines], as_of)
    counted = Counter((line.abc, patterns[line.pair][0]) for line in lines)
    return [
        ClassSummary(
            abc=name,
            x=counted[name, "X"],
            y=counted[name, "Y"],
            z=counted[name, "Z"],
            unknown=counted[name, None],
            total=sum(times for (one, _), times in counted.items() if one == name),
        )
        for name in classes.CLASSES
    ]


def _shown(line: _Line) -> str | None:
    if line.revenue is None or line.currency is None:
        return None
    return money.display(line.revenue, line.currency)


def _lines(
    session: Session, refs: Collection[str], warehouse: str | None, as_of: int | None
) -> list[_Line]:
    """Return what is asked for, class by class, the largest shares first."""
    today = dates.of(session.now)
    if as_of is not None and not 19700101 <= as_of <= today:
        raise InvalidInput(
            f"{dates.display(as_of)} is not a day that the ledger can know",
            hint=f"today is {dates.display(today)} in UTC",
        )
    wanted = {item.id for item in items.named(session, refs).values()}
    sites = {site.id: site for site in warehouses.sites(session).values()}
    site = warehouses.site(session, warehouse) if warehouse is not None else None
    earned = _Earned(session, as_of)
    products = {number: more for number, *more in session.stream(_PRODUCTS)}
    found = []
    for pair in earned.pairs:
        if (wanted and pair[0] not in wanted) or (site and pair[1] != site.id):
            continue
        sku, key, category = products[pair[0]]
        name, revenue, currency, total = earned.of(pair)
        code = sites[pair[1]].code
        line = _Line(
            *(sku, code, pair, category, name, revenue, currency, total),
            sold=earned.sold.get(pair, 0),
        )
        share = (revenue or 0) * _FINE // total if total else 0
        found.append(((name, -share, key, code), line))
    return [line for _, line in sorted(found, key=itemgetter(0))]


def _patterns(session: Session, pairs: Sequence[Pair], as_of: int | None) -> dict[Pair, _Pattern]:
    """Return XYZ and quadrant of each pair: as stored, else from its demand, else None."""
    found: dict[Pair, _Pattern] = dict.fromkeys(pairs, (None, None))
    left = set(pairs)
    if as_of is None:
        for product, warehouse, *pattern in session.stream(
            _STORED, products=sorted({product for product, _ in pairs})
        ):
            if (product, warehouse) in left:
                found[product, warehouse] = (pattern[0] or None, pattern[1] or None)
                left.discard((product, warehouse))
    if left:
        found |= _computed(session, left, as_of)
    return found


def _computed(session: Session, pairs: set[Pair], as_of: int | None) -> dict[Pair, _Pattern]:
    """Return the patterns of those of the pairs that ever sold anything; numpy is loaded here."""
    import numpy as np

    from bvinv.core.forecasting import classes as patterns

    found: dict[Pair, _Pattern] = {}
    for panel in _panels(session, {product for product, _ in pairs}, as_of):
        sold = np.nansum(panel.demand, axis=1) > 0
        rows = [row for row, pair in enumerate(panel.keys) if sold[row] and pair in pairs]
        if not rows:
            continue
        seen = panel.demand[rows].astype(np.float64)
        # Weeks as if independent: what four of them come to.
        mean, variance = np.nanmean(seen, axis=1), np.nanvar(seen, axis=1)
        spread = patterns.xyz(PERIODS * mean, PERIODS * variance)
        quadrant = patterns.syntetos_boylan(seen)
        for place, row in enumerate(rows):
            names = (patterns.XYZ[spread[place]], patterns.QUADRANTS[quadrant[place]])
            found[panel.keys[row]] = names
    return found


def _panels(session: Session, products: set[int], as_of: int | None) -> Iterator["Panel"]:
    """Yield the demand of products; all active ones at once are read faster than many of them."""
    from bvinv.core.replenishment import demand

    terms: dict[str, Any] = {"as_of": as_of, "length": WEEKS, "ahead": 0}
    if len(products) > MANY:
        panel = demand.panel(session, **terms)
        yield panel
        products = products - {product for product, _ in panel.keys}
    if products:
        yield demand.panel(session, **terms, products=products)
