"""How things stand at this moment, in a few numbers, for whoever watches over them."""

from pathlib import Path

from bvinv.core import lots
from bvinv.core.db import Session, Sql
from bvinv.core.models.base import Row
from bvinv.core.models.reservation import OPEN, STATUSES
from bvinv.core.models.warehouse import SELLABLE_KINDS

# What `product_rows.available` says of some products, of all of them at once. A product that only
# holds variants together, and has no level of its own, is neither in stock nor out of it.
_PRODUCTS = Sql(f"""
    WITH promised AS (
        SELECT level_id
             , sum(CASE WHEN expires_at > :now THEN -backordered ELSE held END) AS pieces
          FROM reservation_line WHERE {OPEN} GROUP BY level_id
    ), expired AS (
        SELECT l.product_id, sum(s.quantity) AS pieces
          FROM lot AS t JOIN product AS p ON p.id = t.product_id AND p.tracks_lots = 1
               JOIN stock_level AS l ON l.product_id = p.id
               JOIN bin_level AS s ON s.level_id = l.id AND s.lot = t.code
               JOIN bin AS b ON b.id = s.bin_id AND b.kind IN {SELLABLE_KINDS}
         WHERE t.expires_on < :today GROUP BY l.product_id
    ), stocked AS (
        SELECT l.product_id, sum(l.on_hand - l.reserved + coalesce(m.pieces, 0)) AS pieces
          FROM stock_level AS l LEFT JOIN promised AS m ON m.level_id = l.id GROUP BY l.product_id
    )
    SELECT p.status, count(*) AS products
         , sum(CASE WHEN coalesce(s.pieces, 0) - coalesce(e.pieces, 0) > 0 THEN 1 ELSE 0 END)
           AS in_stock
      FROM product AS p LEFT JOIN stocked AS s ON s.product_id = p.id
           LEFT JOIN expired AS e ON e.product_id = p.id
     WHERE s.product_id IS NOT NULL
        OR NOT EXISTS (SELECT 1 FROM product AS v WHERE v.variant_of = p.id)
     GROUP BY p.status ORDER BY p.status
""")
_RESERVATIONS = Sql("""
    SELECT CASE WHEN status = 'held' AND expires_at <= :now THEN 'expired' ELSE status END AS state
         , count(*) AS reservations
      FROM reservation GROUP BY 1
""")
_BACKORDERS = Sql("""
    SELECT count(*) AS "lines", coalesce(sum(backordered), 0) AS pieces
      FROM reservation_line WHERE backordered > 0 AND expires_at > :now
""")
_LAST = Sql("""
    SELECT (SELECT coalesce(max(id), 0) FROM event) AS event
         , (SELECT coalesce(max(id), 0) FROM movement) AS movement
""")


class ProductsGauge(Row):
    """The products of a status: those of which a piece can be promised, and the others."""

    status: str
    in_stock: int
    out_of_stock: int


class GaugesRow(Row):
    """How things stand. `wal_bytes` is None where there is no write-ahead log to look at."""

    products: list[ProductsGauge]
    reservations: dict[str, int]
    backorder_lines: int
    backorder_pieces: int
    events: int
    movements: int
    wal_bytes: int | None


def read(session: Session, *, path: Path | None = None) -> GaugesRow:
    """Return how things stand in this snapshot; `path` is the database's file, if it is one.

    It looks at every level and every reservation: about 1 s for 100,000 products in three
    warehouses and 200,000 reservations (not for the thread of an event loop).
    """
    now = session.now
    found = session.ask(_PRODUCTS, now=now, today=lots.today(session))
    states = {row.state: row.reservations for row in session.ask(_RESERVATIONS, now=now)}
    [waiting] = session.ask(_BACKORDERS, now=now)
    [last] = session.ask(_LAST)
    return GaugesRow(
        products=[
            ProductsGauge(
                status=row.status,
                in_stock=int(row.in_stock),
                out_of_stock=int(row.products - row.in_stock),
            )
            for row in found
        ],
        reservations={status: states.get(status, 0) for status in STATUSES},
        backorder_lines=waiting.lines,
        backorder_pieces=int(waiting.pieces),
        events=last.event,
        movements=last.movement,
        wal_bytes=None if path is None else _size(Path(f"{path}-wal")),
    )


def _size(path: Path) -> int:
    # Never open it: to close it again would let go of SQLite's locks (RELIABILITY.md 2.4).
    try:
        return path.stat().st_size
    except OSError:
        return 0
