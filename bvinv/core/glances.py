"""The two questions that shops ask most, in one statement each: a product, and its stock.

The same answers as `product_rows.details` and `stock.total`, which a test compares; None where it
takes more than one statement to answer, and for what is not there. With each answer comes the
instant until which it stays true if nobody writes: a hold that runs out is free again by itself.
What nobody holds or waits for is asked first, and most is so.
"""

import json
from functools import lru_cache
from typing import Any

from bvinv.core import dates, instants, money, text
from bvinv.core.db import Session, Sql
from bvinv.core.expiries import NEVER
from bvinv.core.models.reservation import OPEN
from bvinv.core.stock import SUMMED

_LEVEL = """
    SELECT p.sku, p.tracks_lots, w.code AS warehouse, l.on_hand, l.unsellable, l.in_transit
         , {reserved} AS reserved, {backordered} AS backordered
         , (SELECT CAST(coalesce(sum(o.outstanding), 0) AS bigint) FROM purchase_order_line AS o
             WHERE o.level_id = l.id AND o.outstanding > 0) AS on_order
         , (SELECT b.code FROM bin AS b WHERE b.id = l.fixed_bin_id) AS fixed_bin
         , l.reorder_point, l.max_stock, l.safety_stock, l.version, l.updated_at
         , {until} AS until, w.priority
      FROM product AS p JOIN stock_level AS l ON l.product_id = p.id
           JOIN warehouse AS w ON w.id = l.warehouse_id
     WHERE p.sku_key = :name
"""
# -1 where there is more to ask.
_FREE_STOCK = Sql(
    _LEVEL.format(
        reserved="l.reserved",
        backordered="0",
        until=f"""CASE WHEN EXISTS (SELECT 1 FROM reservation_line AS r
                                     WHERE r.level_id = l.id AND {OPEN}) THEN -1 END""",
    )
)
_STOCK = Sql(
    _LEVEL.format(
        reserved=f"""l.reserved - (SELECT CAST(coalesce(sum(r.held), 0) AS bigint)
                       FROM reservation_line AS r
                      WHERE r.level_id = l.id AND {OPEN} AND r.expires_at <= :now)""",
        backordered="""(SELECT CAST(coalesce(sum(r.backordered), 0) AS bigint)
                          FROM reservation_line AS r
                         WHERE r.level_id = l.id AND backordered > 0 AND r.expires_at > :now)""",
        until=f"""(SELECT min(r.expires_at) FROM reservation_line AS r
                    WHERE r.level_id = l.id AND {OPEN} AND r.expires_at > :now)""",
    )
)
_DETAILS = """
    SELECT p.*, c.slug AS category, above.sku AS parent
         , (SELECT sum(l.on_hand - l.reserved{lapsed})
              FROM stock_level AS l WHERE l.product_id = p.id) AS available
         , {until} AS until
         , EXISTS (SELECT 1 FROM barcode AS b WHERE b.product_id = p.id)
        OR EXISTS (SELECT 1 FROM product AS v WHERE v.variant_of = p.id)
        OR EXISTS (SELECT 1 FROM price_change AS d
                    WHERE d.product_id = p.id AND d.state = 'requested')
        OR EXISTS (SELECT 1 FROM image_check AS i WHERE i.product_id = p.id) AS has_more
      FROM product AS p LEFT JOIN category AS c ON c.id = p.category_id
           LEFT JOIN product AS above ON above.id = p.variant_of
     WHERE p.sku_key = :name
"""
_FREE_PRODUCT = Sql(
    _DETAILS.format(
        lapsed="",
        until=f"""CASE WHEN EXISTS (
              SELECT 1 FROM stock_level AS l JOIN reservation_line AS r ON r.level_id = l.id
               WHERE l.product_id = p.id AND {OPEN}) THEN -1 END""",
    )
)
_PRODUCT = Sql(
    _DETAILS.format(
        lapsed=f""" + coalesce((
               SELECT sum(CASE WHEN r.expires_at > :now THEN -r.backordered ELSE r.held END)
                 FROM reservation_line AS r WHERE r.level_id = l.id AND {OPEN}), 0)""",
        until=f"""(SELECT min(r.expires_at)
              FROM stock_level AS l JOIN reservation_line AS r ON r.level_id = l.id
             WHERE l.product_id = p.id AND {OPEN} AND r.expires_at > :now)""",
    )
)

# Whole imports have one instant, and prices and dates come again.
_instant = lru_cache(4096)(instants.display)
_date = lru_cache(4096)(dates.display)
_money = lru_cache(4096)(money.display)


def stock(session: Session, sku: str) -> tuple[dict[str, Any], int] | None:
    """Return a product's levels as `stock.total` does, and until when they are true."""
    name = text.key(sku)
    rows = session.ask(_FREE_STOCK, name=name)
    if any(row.until for row in rows):
        rows = session.ask(_STOCK, name=name, now=session.now)
    if not rows or rows[0].tracks_lots:
        return None
    if len(rows) > 1:
        rows.sort(key=lambda row: (row.priority, row.warehouse))
    levels = [
        {
            "sku": row.sku,
            "warehouse": row.warehouse,
            "on_hand": row.on_hand,
            "reserved": row.reserved,
            "available": row.on_hand - row.reserved - row.backordered,
            "backordered": row.backordered,
            "in_transit": row.in_transit,
            "on_order": row.on_order,
            "reorder_point": row.reorder_point,
            "max_stock": row.max_stock,
            "safety_stock": row.safety_stock,
            "version": row.version,
            "updated_at": _instant(row.updated_at),
            "unsellable": row.unsellable,
            "expired": 0,
            "fixed_bin": row.fixed_bin,
        }
        for row in rows
    ]
    sums = {name: sum(level[name] for level in levels) for name in SUMMED}
    until = min(row.until or NEVER for row in rows)
    return {"sku": rows[0].sku, **sums, "levels": levels}, until


def product(session: Session, sku: str) -> tuple[dict[str, Any], int] | None:
    """Return a product as `product_rows.details` does, and until when it is true."""
    name = text.key(sku)
    rows = session.ask(_FREE_PRODUCT, name=name)
    if rows and rows[0].until:
        rows = session.ask(_PRODUCT, name=name, now=session.now)
    if not rows or rows[0].has_more or rows[0].tracks_lots:
        return None
    [row] = rows
    priced = row.price is not None
    dated = row.publication_date is not None
    return {
        "id": row.id,
        "sku": row.sku,
        "isbn": row.isbn,
        "title": row.title,
        "author": row.author,
        "description": row.description,
        "category": row.category,
        "price": _money(row.price, row.currency) if priced else None,
        "currency": row.currency,
        "status": row.status,
        "publication_date": _date(row.publication_date) if dated else None,
        "rating": None if row.rating is None else row.rating / 100,
        "popularity": row.popularity,
        "image_url": row.image_url,
        "attributes": json.loads(row.attributes) if row.attributes != "{}" else {},
        "variant_of": row.parent,
        "options": json.loads(row.options) if row.options != "{}" else {},
        "version": row.version,
        "created_at": _instant(row.created_at),
        "updated_at": _instant(row.updated_at),
        "barcodes": [],
        "price_request": None,
        "tracks_lots": False,
        "protects_safety_stock": bool(row.protects_safety_stock),
        "available": int(row.available or 0),
        "variants": [],
        "description_html": None,
        "image_check": None,
    }, row.until or NEVER
