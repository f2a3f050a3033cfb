"""Faults of bins, lots and channels."""

from bvinv.core.db import Sql

CHECKS = {
    "pieces lie there of a lot that its product does not have": Sql("""
        SELECT DISTINCT p.sku AS subject FROM bin_level AS s
          JOIN stock_level AS l ON l.id = s.level_id JOIN product AS p ON p.id = l.product_id
         WHERE s.lot <> '' AND NOT EXISTS
               (SELECT 1 FROM lot AS t WHERE t.product_id = l.product_id AND t.code = s.lot)
         LIMIT 100
    """),
    # Only of products with lots, whatever the planner thinks: the check above sees to the others,
    # and the ledger is long.
    "a movement is of a lot that its product does not have": Sql("""
        SELECT m.id AS subject
          FROM product AS p CROSS JOIN stock_level AS l CROSS JOIN movement AS m
         WHERE l.product_id = p.id AND m.level_id = l.id AND m.lot <> ''
           AND (p.tracks_lots = 1 OR p.id IN (SELECT product_id FROM lot))
           AND NOT EXISTS
               (SELECT 1 FROM lot AS t WHERE t.product_id = l.product_id AND t.code = m.lot)
         LIMIT 100
    """),
    "it has no lots, and pieces of one lie there": Sql("""
        SELECT DISTINCT p.sku AS subject FROM bin_level AS s
          JOIN stock_level AS l ON l.id = s.level_id JOIN product AS p ON p.id = l.product_id
         WHERE s.lot <> '' AND s.quantity > 0 AND p.tracks_lots = 0 LIMIT 100
    """),
    "its fixed bin is no storage bin of its warehouse": Sql("""
        SELECT DISTINCT p.sku AS subject FROM stock_level AS l
          JOIN product AS p ON p.id = l.product_id LEFT JOIN bin AS b ON b.id = l.fixed_bin_id
         WHERE l.fixed_bin_id IS NOT NULL
           AND (b.id IS NULL OR b.warehouse_id <> l.warehouse_id OR b.kind <> 'storage') LIMIT 100
    """),
    "its channel is not there": Sql("""
        SELECT r.id AS subject FROM reservation AS r WHERE r.channel <> '' AND NOT EXISTS
               (SELECT 1 FROM channel AS c WHERE c.code = r.channel) LIMIT 100
    """),
    "it is of low priority without a channel": Sql("""
        SELECT r.id AS subject FROM reservation AS r
         WHERE r.low_priority NOT IN (0, 1) OR (r.low_priority = 1 AND r.channel = '') LIMIT 100
    """),
}
