"""Faults of picks, packages and returns."""

from bvinv.core.db import Sql
from bvinv.core.models.pick import AT_WORK

_STANDS = f"p.{AT_WORK} AND l.picked > l.returned + l.shipped"
_UNDECIDED = "r.quantity - r.restocked - r.damaged - r.scrapped - r.sent_back"

CHECKS: dict[str, Sql] = {
    "staging has less than was picked": Sql(f"""
        SELECT s.reservation_id AS subject
          FROM (SELECT min(p.reservation_id) AS reservation_id, l.level_id, l.staging_id, l.lot
                     , sum(l.picked - l.returned - l.shipped) AS pieces
                  FROM pick_line AS l JOIN pick AS p ON p.id = l.pick_id
                       JOIN reservation AS r ON r.id = p.reservation_id
                 WHERE {_STANDS} AND r.status = 'held' AND r.expires_at > :now
                 GROUP BY l.level_id, l.staging_id, l.lot) AS s
               LEFT JOIN bin_level AS b ON b.level_id = s.level_id AND b.bin_id = s.staging_id
                     AND b.lot = s.lot
         WHERE coalesce(b.quantity, 0) < s.pieces LIMIT 100
    """),
    "more is picked for it than it holds": Sql(f"""
        SELECT s.reservation_id AS subject
          FROM (SELECT p.reservation_id, l.level_id
                     , sum(l.picked - l.returned - l.shipped) AS pieces
                  FROM pick_line AS l JOIN pick AS p ON p.id = l.pick_id
                       JOIN reservation AS r ON r.id = p.reservation_id
                 WHERE {_STANDS} AND r.status = 'held' AND r.expires_at > :now
                 GROUP BY p.reservation_id, l.level_id) AS s
               LEFT JOIN reservation_line AS h ON h.reservation_id = s.reservation_id
                     AND h.level_id = s.level_id
         WHERE coalesce(h.held, 0) < s.pieces LIMIT 100
    """),
    "somebody picks it although it is over": Sql(f"""
        SELECT DISTINCT r.id AS subject FROM pick AS p JOIN reservation AS r
               ON r.id = p.reservation_id
         WHERE p.{AT_WORK} AND r.status <> 'held' LIMIT 100
    """),
    "its packages hold other pieces than were packed or shipped": Sql("""
        SELECT DISTINCT 'PK-' || l.pick_id AS subject
          FROM pick_line AS l LEFT JOIN (
               SELECT c.pick_line_id, sum(c.quantity) AS packed
                    , sum(CASE k.status WHEN 'shipped' THEN c.quantity ELSE 0 END) AS shipped
                 FROM package_line AS c JOIN package AS k ON k.id = c.package_id
                WHERE k.status <> 'cancelled' GROUP BY c.pick_line_id) AS s
               ON s.pick_line_id = l.id
         WHERE l.packed <> coalesce(s.packed, 0) OR l.shipped <> coalesce(s.shipped, 0) LIMIT 100
    """),
    "a shipped package has no movement that shipped it": Sql("""
        SELECT DISTINCT k.reservation_id || ' ' || k.label AS subject
          FROM package AS k JOIN package_line AS c ON c.package_id = k.id
               JOIN pick_line AS l ON l.id = c.pick_line_id
         WHERE k.status = 'shipped' AND (NOT EXISTS (
               SELECT 1 FROM movement AS m
                WHERE m.level_id = l.level_id AND m.level_seq = c.level_seq AND m.kind = 'commit'
                  AND m.quantity = c.quantity AND m.document = k.reservation_id) OR EXISTS (
               SELECT 1 FROM movement AS m
                WHERE m.level_id = l.level_id AND m.reverses = c.level_seq AND m.reverses > 0))
         LIMIT 100
    """),
    "a package that was not shipped has a movement": Sql("""
        SELECT DISTINCT k.reservation_id || ' ' || k.label AS subject
          FROM package AS k JOIN package_line AS c ON c.package_id = k.id
         WHERE k.status <> 'shipped' AND c.level_seq <> 0 LIMIT 100
    """),
    "more is decided of a return than came back": Sql(f"""
        SELECT 'RT-' || r.id AS subject FROM customer_return AS r
         WHERE {_UNDECIDED} < 0 LIMIT 100
    """),
    "quarantine has less than is undecided": Sql(f"""
        SELECT 'RT-' || s.id AS subject
          FROM (SELECT min(r.id) AS id, r.level_id, r.bin_id, r.lot, sum({_UNDECIDED}) AS pieces
                  FROM customer_return AS r GROUP BY r.level_id, r.bin_id, r.lot) AS s
               LEFT JOIN bin_level AS b ON b.level_id = s.level_id AND b.bin_id = s.bin_id
                     AND b.lot = s.lot
         WHERE coalesce(b.quantity, 0) < s.pieces LIMIT 100
    """),
    "more came back than it shipped": Sql("""
        SELECT DISTINCT s.reservation_id AS subject
          FROM (SELECT r.reservation_id, t.product_id, sum(r.quantity) AS pieces
                  FROM customer_return AS r JOIN stock_level AS t ON t.id = r.level_id
                 WHERE r.reservation_id IS NOT NULL
                 GROUP BY r.reservation_id, t.product_id) AS s
         WHERE s.pieces > (
               SELECT coalesce(sum(l.committed), 0)
                 FROM reservation_line AS l JOIN stock_level AS t ON t.id = l.level_id
                WHERE l.reservation_id = s.reservation_id AND t.product_id = s.product_id)
         LIMIT 100
    """),
    # The ledger is read once, and not at all where nothing came back.
    "a return has no movement that brought it": Sql("""
        SELECT subject FROM (
               SELECT 'RT-' || id AS subject, level_id, quantity, lot FROM customer_return
               EXCEPT
               SELECT document, level_id, quantity, lot FROM movement
                WHERE kind = 'return' AND EXISTS (SELECT 1 FROM customer_return)) AS r LIMIT 100
    """),
}
