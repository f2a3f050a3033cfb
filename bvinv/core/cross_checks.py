"""What no single level shows: faults by name, each with the query that finds their subjects."""

from bvinv.core.db import Sql
from bvinv.core.models.reservation import OPEN

CHECKS = {
    "a closed reservation still holds something": Sql(f"""
        SELECT DISTINCT r.id AS subject FROM reservation AS r
          JOIN reservation_line AS l ON l.reservation_id = r.id
         WHERE r.status <> 'held' AND {OPEN} LIMIT 100
    """),
    "a reservation has no lines": Sql("""
        SELECT r.id AS subject FROM reservation AS r WHERE NOT EXISTS
               (SELECT 1 FROM reservation_line AS l WHERE l.reservation_id = r.id) LIMIT 100
    """),
    "a line's parts do not add up": Sql("""
        SELECT reservation_id AS subject FROM reservation_line
         WHERE quantity <> held + backordered + committed + released
            OR held < 0 OR backordered < 0 OR committed < 0 OR released < 0 LIMIT 100
    """),
    "its popularity is not what its movements sold": Sql("""
        SELECT p.sku AS subject FROM product AS p LEFT JOIN (
               SELECT l.product_id, sum(CASE WHEN m.to_bin = 'customer' THEN m.quantity
                                             ELSE -m.quantity END) AS sold
                 FROM movement AS m JOIN stock_level AS l ON l.id = m.level_id
                WHERE m.to_bin = 'customer' OR (m.from_bin = 'customer' AND m.reverses > 0)
                GROUP BY l.product_id) AS s ON s.product_id = p.id
         WHERE p.popularity <> coalesce(s.sold, 0) LIMIT 100
    """),
    "an event has no command": Sql("""
        SELECT e.id AS subject FROM event AS e WHERE NOT EXISTS
               (SELECT 1 FROM command_log AS c WHERE c.id = e.command_id) LIMIT 100
    """),
    "a movement's command has no event": Sql("""
        SELECT m.id AS subject FROM movement AS m WHERE NOT EXISTS
               (SELECT 1 FROM event AS e WHERE e.command_id = m.command_id) LIMIT 100
    """),
}
