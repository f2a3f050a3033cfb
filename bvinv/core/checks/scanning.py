"""Faults of scan sessions."""

from bvinv.core.db import Sql

CHECKS: dict[str, Sql] = {
    "a scan's movement is not in the ledger": Sql("""
        SELECT 'SC-' || s.session_id AS subject FROM scan AS s
         WHERE s.level_seq > 0 AND NOT EXISTS (
               SELECT 1 FROM movement AS m
                WHERE m.level_id = s.level_id AND m.level_seq = s.level_seq) LIMIT 100
    """),
    "a scan says another product than its movement": Sql("""
        SELECT 'SC-' || s.session_id AS subject FROM scan AS s
          JOIN stock_level AS l ON l.id = s.level_id
         WHERE s.level_seq > 0 AND (s.product_id IS NULL OR s.product_id <> l.product_id) LIMIT 100
    """),
    "a scan that did nothing has a movement": Sql("""
        SELECT 'SC-' || session_id AS subject FROM scan
         WHERE outcome IN ('unknown', 'refused') AND level_seq > 0 LIMIT 100
    """),
    # What was picked goes back by a movement of its own, not by a reversal.
    "an undone scan's movement stands": Sql("""
        SELECT 'SC-' || s.session_id AS subject FROM scan AS s
          JOIN movement AS m ON m.level_id = s.level_id AND m.level_seq = s.level_seq
         WHERE s.outcome = 'undone' AND s.level_seq > 0 AND m.kind <> 'pick' AND NOT EXISTS (
               SELECT 1 FROM movement AS r
                WHERE r.level_id = m.level_id AND r.reverses = m.level_seq AND r.reverses > 0)
         LIMIT 100
    """),
    "an unknown code is not on the list": Sql("""
        SELECT 'SC-' || s.session_id AS subject FROM scan AS s
         WHERE s.outcome = 'unknown' AND NOT EXISTS (
               SELECT 1 FROM unknown_barcode AS u
                WHERE u.session_id = s.session_id AND u.seq = s.seq AND u.quantity = s.quantity)
         LIMIT 100
    """),
    "an undone code is still on the list": Sql("""
        SELECT u.code AS subject FROM unknown_barcode AS u
          JOIN scan AS s ON s.session_id = u.session_id AND s.seq = u.seq
         WHERE s.outcome <> 'unknown' AND u.state <> 'dismissed' LIMIT 100
    """),
    "a session that is done has pieces in hand": Sql("""
        SELECT 'SC-' || id AS subject FROM scan_session
         WHERE pieces <> 0 AND (status = 'done' OR product_id IS NULL) LIMIT 100
    """),
    "a session's lines are not numbered from 1 without a gap": Sql("""
        SELECT 'SC-' || session_id AS subject FROM scan
         GROUP BY session_id HAVING min(seq) <> 1 OR max(seq) <> count(*) LIMIT 100
    """),
    "a session received at another warehouse": Sql("""
        SELECT 'SC-' || s.id AS subject FROM scan_session AS s
          JOIN receipt AS r ON r.id = s.receipt_id
         WHERE r.warehouse_id <> s.warehouse_id LIMIT 100
    """),
    "a scan was not received with its session's receipt": Sql("""
        SELECT 'SC-' || s.session_id AS subject FROM scan AS s
          JOIN scan_session AS d ON d.id = s.session_id AND d.mode = 'receive'
         WHERE s.level_seq > 0 AND NOT EXISTS (
               SELECT 1 FROM receipt_line AS l
                WHERE l.level_id = s.level_id AND l.level_seq = s.level_seq
                  AND l.receipt_id = d.receipt_id) LIMIT 100
    """),
}
