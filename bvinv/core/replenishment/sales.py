"""Pieces sold, level by level: from the ledger, and from before it knew of sales as imported.

Movements are read as they lie and added up here: SQLite has to sort to group, which takes longer.
"""

from datetime import UTC, datetime

from bvinv.core import dates
from bvinv.core.db import Session, Sql

DAY = 86_400_000_000  # microseconds
Pair = tuple[int, int]  # product id, warehouse id

# When a movement AS m counts: a parcel that was taken back never left, so that counts against the
# day of its sale; else every bucket that ends between the two would believe in it.
SOLD_AT = """
    CASE WHEN m.kind = 'commit' AND m.reverses > 0
         THEN (SELECT o.occurred_at FROM movement AS o
                WHERE o.level_id = m.level_id AND o.level_seq = m.reverses)
         ELSE m.occurred_at END
"""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NEVER = 99991231
_LEVELS = Sql("SELECT id, product_id, warehouse_id FROM stock_level")
# What comes back counts against what was sold, whether it was returned or never left.
_SOLD = Sql("""
    SELECT level_id, CASE to_bin WHEN 'customer' THEN quantity ELSE -quantity END FROM movement
     WHERE occurred_at >= :since AND occurred_at < :until
       AND (to_bin = 'customer' OR from_bin = 'customer')
""")
_LAST_IMPORTED = Sql("SELECT max(day_on) AS day_on FROM demand_day WHERE day_on <= :last")
_IMPORTED = Sql("""
    SELECT product_id, warehouse_id, sum(quantity), max(day_on) FROM demand_day
     WHERE day_on BETWEEN :first AND :last GROUP BY product_id, warehouse_id
""")
_IMPORTED_DAYS = Sql("""
    SELECT product_id, warehouse_id, day_on, quantity FROM demand_day
     WHERE day_on BETWEEN :first AND :last AND product_id IN :products
""")
_SALES = Sql("""
    SELECT level_id, occurred_at FROM movement WHERE to_bin = 'customer' AND occurred_at < :until
""")
# The first one written, and whatever was said later to have happened earlier.
_FIRST = Sql("""
    SELECT level_id, occurred_at FROM movement WHERE level_seq = 1 OR occurred_at < recorded_at
""")


def end_of(day: int) -> int:
    """Return the first instant (microseconds) after a whole day as in `dates`, in UTC."""
    year, rest = divmod(day, 10_000)
    moment = datetime(year, rest // 100, rest % 100, tzinfo=UTC)
    return int((moment - _EPOCH).total_seconds()) * 1_000_000 + DAY


def levels(session: Session) -> dict[int, Pair]:
    """Return every level's product and warehouse, by its id."""
    return {number: (product, site) for number, product, site in session.stream(_LEVELS)}


def beginnings(session: Session) -> dict[int, int]:
    """Return the instant of every level's earliest movement, by its id."""
    found: dict[int, int] = {}
    for level, at in session.stream(_FIRST):
        if at < found.get(level, at + 1):
            found[level] = at
    return found


def pieces(session: Session, *, since: int, until: int) -> dict[Pair, int]:
    """Return the pieces sold from one instant until before another, returns taken off.

    Imported demand counts on the days before the ledger's first sale of the pair; days are whole
    ones in UTC. Pairs that sold nothing are left out; more returns than sales are a number below 0.
    """
    pairs = levels(session)
    by_level: dict[int, int] = {}
    for level, quantity in session.stream(_SOLD, since=since, until=until):
        by_level[level] = by_level.get(level, 0) + quantity
    sold = {pairs[level]: quantity for level, quantity in by_level.items()}
    for pair, quantity in _imported(session, pairs, since, until).items():
        sold[pair] = sold.get(pair, 0) + quantity
    return sold


def _imported(session: Session, pairs: dict[int, Pair], since: int, until: int) -> dict[Pair, int]:
    """Return the imported demand that counts between two instants."""
    days = {"first": dates.of(since), "last": dates.of(until - 1)}
    [last] = session.ask(_LAST_IMPORTED, last=days["last"])
    if last.day_on is None or last.day_on < days["first"]:
        return {}
    begins: dict[Pair, int] = {}
    for level, at in session.stream(_SALES, until=min(until, end_of(last.day_on))):
        begins[pairs[level]] = min(at, begins.get(pairs[level], at))
    firsts = {pair: dates.of(at) for pair, at in begins.items()}
    found: dict[Pair, int] = {}
    both: set[Pair] = set()  # where imported days and those of the ledger lie side by side
    for product, site, quantity, last_on in session.stream(_IMPORTED, **days):
        pair = (product, site)
        if last_on < firsts.get(pair, _NEVER):
            found[pair] = int(quantity)
        else:
            both.add(pair)
    if both:
        products = sorted({product for product, _ in both})
        for product, site, day_on, quantity in session.stream(
            _IMPORTED_DAYS, **days, products=products
        ):
            pair = (product, site)
            if pair in both and day_on < firsts[pair]:
                found[pair] = found.get(pair, 0) + quantity
    return found
