"""Faults of forecasts and of what they suggest.

Two open suggestions of one level, and an ordered one without its document, the database refuses.
"""

from bvinv.core.db import Sql

CHECKS: dict[str, Sql] = {
    "a suggestion was ordered with a document about other goods": Sql("""
        SELECT DISTINCT p.sku AS subject
          FROM reorder_suggestion AS s JOIN product AS p ON p.id = s.product_id
         WHERE s.status = 'ordered' AND NOT EXISTS (
               SELECT 1 FROM purchase_order AS o
                WHERE o.id = s.order_id AND o.warehouse_id = s.warehouse_id
                UNION ALL
               SELECT 1 FROM transfer AS t
                WHERE t.id = s.transfer_id AND t.to_id = s.warehouse_id) LIMIT 100
    """),
    "a forecast is of a night that is not there": Sql("""
        SELECT p.sku AS subject FROM forecast_level AS f JOIN product AS p ON p.id = f.product_id
         WHERE NOT EXISTS (SELECT 1 FROM forecast_run AS r WHERE r.id = f.run_id) LIMIT 100
    """),
}
