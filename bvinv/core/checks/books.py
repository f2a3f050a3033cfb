"""Faults of the catalogue, of promises, and of the log."""

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
    "its price is not what was decided last": Sql("""
        SELECT p.sku AS subject FROM product AS p JOIN price_change AS c ON c.product_id = p.id
         WHERE c.state IN ('applied', 'approved') AND NOT EXISTS (
               SELECT 1 FROM price_change AS later
                WHERE later.product_id = c.product_id AND later.id > c.id
                  AND later.state IN ('applied', 'approved'))
           AND (coalesce(p.price, -1) <> coalesce(c.new_price, -1)
                OR coalesce(p.currency, '') <> coalesce(c.new_currency, '')) LIMIT 100
    """),
    "its prices do not follow one from the other": Sql("""
        SELECT DISTINCT p.sku AS subject FROM product AS p JOIN (
               SELECT product_id, old_price, old_currency
                    , lag(id) OVER each AS before, lag(new_price) OVER each AS price
                    , lag(new_currency) OVER each AS currency
                 FROM price_change WHERE state IN ('applied', 'approved')
               WINDOW each AS (PARTITION BY product_id ORDER BY id)) AS c ON c.product_id = p.id
         WHERE c.before IS NOT NULL AND (coalesce(c.old_price, -1) <> coalesce(c.price, -1)
               OR coalesce(c.old_currency, '') <> coalesce(c.currency, '')) LIMIT 100
    """),
    "a draft has a price request": Sql("""
        SELECT p.sku AS subject FROM product AS p JOIN price_change AS c ON c.product_id = p.id
         WHERE c.state = 'requested' AND p.status = 'draft' LIMIT 100
    """),
    "a category is below itself": Sql("""
        WITH RECURSIVE tree(id) AS (
            SELECT id FROM category WHERE parent_id IS NULL
             UNION
            SELECT c.id FROM category AS c JOIN tree AS t ON c.parent_id = t.id)
        SELECT slug AS subject FROM category WHERE id NOT IN (SELECT id FROM tree) LIMIT 100
    """),
    "it is a variant of its own variant": Sql("""
        WITH RECURSIVE tree(id) AS (
            SELECT p.id FROM product AS p JOIN product AS above ON above.id = p.variant_of
             WHERE above.variant_of IS NULL
             UNION
            SELECT p.id FROM product AS p JOIN tree AS t ON p.variant_of = t.id)
        SELECT sku AS subject FROM product
         WHERE variant_of IS NOT NULL AND id NOT IN (SELECT id FROM tree) LIMIT 100
    """),
    "a barcode belongs to no product": Sql("""
        SELECT b.code AS subject FROM barcode AS b WHERE NOT EXISTS
               (SELECT 1 FROM product AS p WHERE p.id = b.product_id) LIMIT 100
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
