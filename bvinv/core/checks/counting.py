"""Faults of counts."""

from bvinv.core.db import Sql

CHECKS: dict[str, Sql] = {
    "a posted count has a line that was not posted": Sql("""
        SELECT DISTINCT 'CT-' || c.id AS subject
          FROM stock_count AS c JOIN stock_count_line AS l ON l.count_id = c.id
         WHERE c.status = 'posted' AND l.state <> 'posted' LIMIT 100
    """),
    "a count is closed without its time": Sql("""
        SELECT 'CT-' || id AS subject FROM stock_count
         WHERE (status = 'open') <> (closed_at IS NULL) LIMIT 100
    """),
    "a count has a line of another warehouse": Sql("""
        SELECT DISTINCT 'CT-' || c.id AS subject
          FROM stock_count AS c JOIN stock_count_line AS l ON l.count_id = c.id
               JOIN stock_level AS s ON s.id = l.level_id JOIN bin AS b ON b.id = l.bin_id
         WHERE s.warehouse_id <> c.warehouse_id OR b.warehouse_id <> c.warehouse_id LIMIT 100
    """),
    "a count's line has another movement than it says": Sql("""
        SELECT DISTINCT 'CT-' || l.count_id AS subject
          FROM stock_count_line AS l JOIN bin AS b ON b.id = l.bin_id
         WHERE (l.state <> 'posted' AND l.posted_seq <> 0) OR (l.posted_seq <> 0 AND NOT EXISTS (
               SELECT 1 FROM movement AS m
                WHERE m.level_id = l.level_id AND m.level_seq = l.posted_seq AND m.kind = 'count'
                  AND m.reverses = 0 AND m.document = 'CT-' || l.count_id AND m.lot = l.lot
                  AND b.code IN (m.from_bin, m.to_bin))) LIMIT 100
    """),
    "a movement of a count has no line there": Sql("""
        SELECT m.id AS subject FROM movement AS m
         WHERE m.kind = 'count' AND m.reverses = 0 AND NOT EXISTS (
               SELECT 1 FROM stock_count_line AS l
                WHERE l.level_id = m.level_id AND l.posted_seq = m.level_seq
                  AND m.document = 'CT-' || l.count_id) LIMIT 100
    """),
}
