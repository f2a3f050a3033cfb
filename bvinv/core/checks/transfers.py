"""Faults of transfers, and of what was undone."""

from bvinv.core.db import Sql
from bvinv.core.models.transfer import IN_TRANSIT

CHECKS: dict[str, Sql] = {
    "what is in transit to it is not what its transfers say": Sql(f"""
        SELECT p.sku || ' at ' || w.code AS subject
          FROM stock_level AS s JOIN product AS p ON p.id = s.product_id
               JOIN warehouse AS w ON w.id = s.warehouse_id LEFT JOIN (
               SELECT to_level_id, sum(shipped - received - lost - returned) AS pieces
                 FROM transfer_line WHERE {IN_TRANSIT} GROUP BY to_level_id
               ) AS t ON t.to_level_id = s.id
         WHERE s.in_transit <> coalesce(t.pieces, 0) LIMIT 100
    """),
    "a transfer's line has parts that do not add up": Sql("""
        SELECT DISTINCT 'TR-' || CAST(transfer_id AS text) AS subject FROM transfer_line
         WHERE received + lost + returned > shipped OR shipped > quantity
            OR received < 0 OR lost < 0 OR returned < 0 LIMIT 100
    """),
    "a transfer that is not on its way has something in transit": Sql(f"""
        SELECT DISTINCT 'TR-' || CAST(t.id AS text) AS subject
          FROM transfer AS t JOIN transfer_line AS l ON l.transfer_id = t.id
         WHERE (t.status = 'closed' AND {IN_TRANSIT})
            OR (t.status IN ('draft', 'cancelled') AND shipped > 0) LIMIT 100
    """),
    "a transfer is on its way and nothing is in transit": Sql(f"""
        SELECT 'TR-' || CAST(t.id AS text) AS subject FROM transfer AS t
         WHERE t.status IN ('shipped', 'partly-received') AND NOT EXISTS (
               SELECT 1 FROM transfer_line WHERE transfer_id = t.id AND {IN_TRANSIT}) LIMIT 100
    """),
    "a transfer's times do not fit its status": Sql("""
        SELECT 'TR-' || CAST(id AS text) AS subject FROM transfer
         WHERE (closed_at IS NOT NULL) <> (status IN ('closed', 'cancelled'))
            OR (shipped_at IS NOT NULL) <> (status IN ('shipped', 'partly-received', 'closed'))
         LIMIT 100
    """),
    "a transfer's line is about other places": Sql("""
        SELECT DISTINCT 'TR-' || CAST(t.id AS text) AS subject
          FROM transfer AS t JOIN transfer_line AS l ON l.transfer_id = t.id
               JOIN stock_level AS a ON a.id = l.level_id
               JOIN stock_level AS b ON b.id = l.to_level_id
         WHERE a.warehouse_id <> t.from_id OR b.warehouse_id <> t.to_id
            OR a.product_id <> b.product_id LIMIT 100
    """),
    "a transfer's movements do not add up to its lines": Sql("""
        SELECT DISTINCT document AS subject FROM (
               SELECT document FROM (
               SELECT document, kind, level_id, lot
                    , CASE WHEN reverses > 0 THEN -quantity ELSE quantity END AS pieces
                 FROM movement WHERE kind IN ('send', 'arrive', 'send-back')
                UNION ALL
               SELECT 'TR-' || CAST(transfer_id AS text), 'send', level_id, lot, -shipped
                 FROM transfer_line WHERE shipped > 0
                UNION ALL
               SELECT 'TR-' || CAST(transfer_id AS text), 'arrive', to_level_id, lot, -received
                 FROM transfer_line WHERE received > 0
                UNION ALL
               SELECT 'TR-' || CAST(transfer_id AS text), 'send-back', level_id, lot, -returned
                 FROM transfer_line WHERE returned > 0) AS told
         GROUP BY document, kind, level_id, lot HAVING sum(pieces) <> 0) AS found LIMIT 100
    """),
    # DESIGN.md, invariant 6; that nothing is reversed twice is seen when the chains are replayed.
    "a reversal does not mirror what it reverses": Sql("""
        SELECT r.id AS subject
          FROM movement AS r LEFT JOIN movement AS m
               ON m.level_id = r.level_id AND m.level_seq = r.reverses
         WHERE r.reverses > 0 AND (
               m.id IS NULL OR m.reverses > 0 OR m.quantity <> r.quantity
            OR m.from_bin <> r.to_bin OR m.to_bin <> r.from_bin OR m.lot <> r.lot
            OR m.on_hand_change <> -r.on_hand_change
            OR m.reserved_change <> -r.reserved_change) LIMIT 100
    """),
}
