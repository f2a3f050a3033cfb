"""Faults of purchase orders and receipts."""

from bvinv.core.db import Sql

# The lines of receipts that still stand.
_STANDS = """
    NOT EXISTS (SELECT 1 FROM movement AS u WHERE u.level_id = l.level_id AND u.reverses > 0
                   AND u.reverses = l.level_seq)
"""

CHECKS = {
    "an order line's received is not what its receipts brought": Sql(f"""
        SELECT DISTINCT 'PO-' || o.order_id AS subject
          FROM purchase_order_line AS o LEFT JOIN (
               SELECT r.order_id, l.level_id, sum(l.quantity) AS quantity
                 FROM receipt AS r JOIN receipt_line AS l ON l.receipt_id = r.id
                WHERE r.order_id IS NOT NULL AND {_STANDS} GROUP BY r.order_id, l.level_id) AS came
            ON came.order_id = o.order_id AND came.level_id = o.level_id
         WHERE o.received <> coalesce(came.quantity, 0) LIMIT 100
    """),
    "more was received than ordered and tolerated": Sql("""
        SELECT DISTINCT 'PO-' || order_id AS subject FROM purchase_order_line
         WHERE received > quantity + allowance OR received < 0 LIMIT 100
    """),
    "an order line's outstanding is not the rest": Sql("""
        SELECT DISTINCT 'PO-' || o.id AS subject
          FROM purchase_order_line AS l JOIN purchase_order AS o ON o.id = l.order_id
         WHERE l.outstanding <> CASE WHEN o.status IN ('placed', 'partly-received')
                                      AND l.quantity > l.received + l.cancelled
                                     THEN l.quantity - l.received - l.cancelled ELSE 0 END
            OR (l.cancelled > 0 AND o.status NOT IN ('received', 'cancelled')) LIMIT 100
    """),
    "an order's status does not fit its lines": Sql("""
        SELECT 'PO-' || o.id AS subject FROM purchase_order AS o LEFT JOIN (
               SELECT order_id, max(received) AS received, max(outstanding) AS outstanding
                 FROM purchase_order_line GROUP BY order_id) AS l ON l.order_id = o.id
         WHERE o.status <> CASE
               WHEN l.order_id IS NULL THEN 'without lines'
               WHEN o.placed_at IS NULL AND o.closed_at IS NULL AND l.received = 0 THEN 'draft'
               WHEN l.outstanding > 0 AND l.received > 0 THEN 'partly-received'
               WHEN l.outstanding > 0 THEN 'placed'
               WHEN l.received > 0 THEN 'received' ELSE 'cancelled' END LIMIT 100
    """),
    "an order line is for another warehouse": Sql("""
        SELECT DISTINCT 'PO-' || o.id AS subject
          FROM purchase_order_line AS l JOIN purchase_order AS o ON o.id = l.order_id
               JOIN stock_level AS v ON v.id = l.level_id
         WHERE v.warehouse_id <> o.warehouse_id LIMIT 100
    """),
    "a receipt's line is not what its movement brought": Sql("""
        SELECT DISTINCT 'RC-' || l.receipt_id AS subject
          FROM receipt_line AS l JOIN receipt AS r ON r.id = l.receipt_id
               LEFT JOIN movement AS m ON m.level_id = l.level_id AND m.level_seq = l.level_seq
               LEFT JOIN stock_level AS v ON v.id = l.level_id
         WHERE m.id IS NULL OR v.id IS NULL OR m.kind <> 'receive' OR m.reverses > 0
            OR m.from_bin <> 'supplier' OR m.quantity <> l.quantity
            OR v.warehouse_id <> r.warehouse_id LIMIT 100
    """),
    "a receipt is not for its order": Sql("""
        SELECT 'RC-' || r.id AS subject
          FROM receipt AS r JOIN purchase_order AS o ON o.id = r.order_id
         WHERE r.warehouse_id <> o.warehouse_id OR r.supplier_id IS NULL
            OR r.supplier_id <> o.supplier_id LIMIT 100
    """),
    "a receipt is undone and still has goods, or has none and is not": Sql(f"""
        SELECT 'RC-' || r.id AS subject FROM receipt AS r
         WHERE (r.undone_at IS NOT NULL) <>
               (EXISTS (SELECT 1 FROM receipt_line AS l WHERE l.receipt_id = r.id)
                AND NOT EXISTS (SELECT 1 FROM receipt_line AS l
                                 WHERE l.receipt_id = r.id AND {_STANDS})) LIMIT 100
    """),
    "a receipt brought a lot that nobody knows": Sql("""
        SELECT DISTINCT 'RC-' || l.receipt_id AS subject
          FROM receipt_line AS l
               JOIN movement AS m ON m.level_id = l.level_id AND m.level_seq = l.level_seq
               JOIN stock_level AS v ON v.id = l.level_id
         WHERE m.lot <> '' AND NOT EXISTS (
               SELECT 1 FROM lot AS t WHERE t.product_id = v.product_id AND t.code = m.lot)
         LIMIT 100
    """),
}
