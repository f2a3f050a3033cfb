"""The rows of products: how they are written, and as both doors show them."""

import json
from collections.abc import Iterable
from typing import Any

from bvinv.core import lots, money, prices
from bvinv.core.db import Session, Sql
from bvinv.core.models.product import (
    BarcodeRow,
    ImageCheckRow,
    ProductDetails,
    ProductRow,
    VariantRow,
)
from bvinv.core.models.reservation import OPEN
from bvinv.core.models.warehouse import SELLABLE_KINDS

# The columns that an import or a change may write, and those that only a new product gets.
CHANGED = (
    *("isbn", "title", "author", "description", "category_id", "price", "currency", "status"),
    *("publication_date", "rating", "image_url", "attributes", "variant_of", "options"),
    *("version", "updated_at", "tracks_lots", "protects_safety_stock"),
)
ADDED = ("sku", "sku_key", "popularity", "created_at", *CHANGED)
CHANGE = Sql(
    f"UPDATE product SET {', '.join(f'{name} = :{name}' for name in CHANGED)} WHERE id = :id"
)

_ROWS = Sql("""
    SELECT p.*, c.slug AS category, above.sku AS parent
      FROM product AS p LEFT JOIN category AS c ON c.id = p.category_id
           LEFT JOIN product AS above ON above.id = p.variant_of
     WHERE p.id IN :ids
""")
_BARCODES = Sql("""
    SELECT product_id, code, pack_quantity FROM barcode WHERE product_id IN :ids ORDER BY code
""")
# A hold whose time has run out counts as released, whether or not the sweep has been there.
_AVAILABLE = Sql(f"""
    SELECT l.product_id, sum(l.on_hand - l.reserved + coalesce((
               SELECT sum(CASE WHEN r.expires_at > :now THEN -r.backordered ELSE r.held END)
                 FROM reservation_line AS r WHERE r.level_id = l.id AND {OPEN}), 0)) AS available
      FROM stock_level AS l WHERE l.product_id IN :ids GROUP BY l.product_id
""")
_EXPIRED = Sql(f"""
    SELECT l.product_id, sum(s.quantity) AS pieces
      FROM product AS p JOIN stock_level AS l ON l.product_id = p.id
           JOIN lot AS t ON t.product_id = p.id AND t.expires_on < :today
           JOIN bin_level AS s ON s.level_id = l.id AND s.lot = t.code
           JOIN bin AS b ON b.id = s.bin_id AND b.kind IN {SELLABLE_KINDS}
     WHERE p.id IN :ids AND p.tracks_lots = 1 GROUP BY l.product_id
""")
# A variant may have variants: all that are below, however deep.
_VARIANTS = Sql("""
    WITH RECURSIVE below(id) AS (
        SELECT id FROM product WHERE variant_of = :id
         UNION
        SELECT p.id FROM product AS p JOIN below AS b ON p.variant_of = b.id)
    SELECT p.id, p.sku, above.sku AS variant_of, p.options, p.price, p.currency, p.status
      FROM product AS p JOIN product AS above ON above.id = p.variant_of
     WHERE p.id IN (SELECT id FROM below) ORDER BY p.sku_key
""")
_IMAGE_CHECK = Sql("""
    SELECT i.state, i.detail, i.content_type, i.bytes, i.checked_at
      FROM image_check AS i JOIN product AS p ON p.id = i.product_id AND p.image_url = i.url
     WHERE p.id = :id
""")


def one(session: Session, number: int) -> ProductRow:
    """Return the product with this id, which is there."""
    [row] = rows(session, [number])
    return row


def rows(session: Session, ids: Iterable[int]) -> list[ProductRow]:
    """Return these products in the order of their ids here, without those that are not there."""
    wanted = list(ids)
    if not wanted:
        return []
    codes: dict[int, list[BarcodeRow]] = {}
    for product, code, pack in session.ask(_BARCODES, ids=wanted):
        codes.setdefault(product, []).append(BarcodeRow(code=code, pack_quantity=pack))
    asked = prices.open_requests(session, wanted)
    found = {
        row.id: _shown(row, codes.get(row.id, []), asked.get(row.id))
        for row in session.ask(_ROWS, ids=wanted)
    }
    return [found[number] for number in wanted if number in found]


def details(
    session: Session, number: int, *, html: bool = False, books: Session | None = None
) -> ProductDetails:
    """Return a product with its variants and its image's check; its description as HTML, too, if
    that is asked for: to render one costs a cold start 50 ms. `books` says what is available, where
    the session is a replica's."""
    row = one(session, number)
    variants = session.ask(_VARIANTS, id=number)
    pieces = available(books or session, [number, *(variant.id for variant in variants)])
    checks = session.ask(_IMAGE_CHECK, id=number) if row.image_url else []
    rendered = None
    if html:
        from bvinv.core import markdown

        rendered = markdown.render(row.description)
    return ProductDetails(
        **dict(row),
        available=sum(pieces.values()),
        variants=[_variant(variant, pieces.get(variant.id, 0)) for variant in variants],
        description_html=rendered,
        image_check=ImageCheckRow.model_validate(checks[0]._asdict()) if checks else None,
    )


def available(session: Session, ids: Iterable[int]) -> dict[int, int]:
    """Return the pieces of each product that can be promised now, in all warehouses together.

    What is on hand and has not expired, less live holds and what waits for goods; products without
    a level are left out.
    """
    wanted = list(ids)
    found = session.ask(_AVAILABLE, ids=wanted, now=session.now)
    pieces = {row.product_id: int(row.available) for row in found}
    for row in session.ask(_EXPIRED, ids=wanted, today=lots.today(session)):
        pieces[row.product_id] -= int(row.pieces)
    return pieces


def _variant(row: Any, pieces: int) -> VariantRow:
    values = row._asdict() | {"available": pieces, "options": json.loads(row.options)}
    if row.price is not None:
        values["price"] = money.display(row.price, row.currency)
    return VariantRow.model_validate(values)


def _shown(row: Any, codes: list[BarcodeRow], request: Any) -> ProductRow:
    values = row._asdict()
    if row.price is not None:
        values["price"] = money.display(row.price, row.currency)
    values["variant_of"] = row.parent
    values["attributes"] = json.loads(row.attributes)
    values["options"] = json.loads(row.options)
    values["barcodes"] = codes
    values["price_request"] = prices.request_row(request) if request else None
    return ProductRow.model_validate(values)
