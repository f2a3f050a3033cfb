"""The partial indexes, declared apart from their tables: naming PostgreSQL in one loads its whole
dialect, 40 ms that no command should wait for. Import this where the schema is made or compared.
"""

from typing import Any

from sqlalchemy import Column, Index, text

from bvinv.core.models.catalogue_tables import PriceChange
from bvinv.core.models.columns import table
from bvinv.core.models.door_tables import WebhookDelivery
from bvinv.core.models.floor_tables import Pick, PickLine, ScanSession, UnknownBarcode
from bvinv.core.models.forecast_tables import CalendarEntry, ReorderSuggestion
from bvinv.core.models.goods_tables import PurchaseOrderLine, Receipt, TransferLine
from bvinv.core.models.reservation import OPEN
from bvinv.core.models.tables import Event, Movement, Reservation, ReservationLine, StockLevel


def _partial(name: str, where: str, *columns: Column[Any], unique: bool = False) -> None:
    condition = text(where)
    Index(name, *columns, unique=unique, sqlite_where=condition, postgresql_where=condition)


_movement, _reservation, _line = table(Movement), table(Reservation), table(ReservationLine)
_partial(
    "movement_is_reversed_once",
    "reverses > 0",
    _movement.c.level_id,
    _movement.c.reverses,
    unique=True,
)
_partial("reservation_by_expiry", "status = 'held'", _reservation.c.expires_at)
_partial("reservation_by_owner", "status = 'held'", _reservation.c.owner, _reservation.c.expires_at)
_partial("reservation_line_open", OPEN, _line.c.level_id, _line.c.expires_at)
_partial("reservation_line_backordered", "backordered > 0", _line.c.level_id)
_partial(
    "stock_level_with_fixed_bin",
    "fixed_bin_id IS NOT NULL",
    table(StockLevel).c.fixed_bin_id,
)
_partial("event_of_stock_import", "type = 'stock.imported'", table(Event).c.subject)
_partial(
    "price_change_open",
    "state = 'requested'",
    table(PriceChange).c.product_id,
    unique=True,
)
# For PostgreSQL; on SQLite they are empty.
_partial("event_by_transaction", "xid > 0", table(Event).c.xid)
_partial("movement_by_transaction", "xid > 0", _movement.c.xid)
_partial("purchase_order_line_outstanding", "outstanding > 0", table(PurchaseOrderLine).c.level_id)
_receipt = table(Receipt)
_partial(
    "receipt_of_document_once",
    "document <> '' AND undone_at IS NULL",
    _receipt.c.supplier_id,
    _receipt.c.document,
    unique=True,
)
_partial(
    "transfer_line_in_transit",
    "shipped > received + lost + returned",
    table(TransferLine).c.to_level_id,
)
_pick = table(Pick)
_partial(
    "pick_open_once",
    "status IN ('open', 'picked')",
    _pick.c.reservation_id,
    _pick.c.warehouse_id,
    unique=True,
)
_partial("pick_line_staged", "picked > returned + shipped", table(PickLine).c.level_id)
_session = table(ScanSession)
_partial("scan_session_open", "status = 'open'", _session.c.actor)
_partial("unknown_barcode_open", "state = 'open'", table(UnknownBarcode).c.code)
_delivery = table(WebhookDelivery)
_partial(
    "webhook_delivery_pending",
    "state = 'pending'",
    _delivery.c.webhook_id,
    _delivery.c.subject,
    _delivery.c.event_id,
)
_suggestion = table(ReorderSuggestion)
_partial(
    "reorder_suggestion_open_once",
    "status = 'open'",
    _suggestion.c.product_id,
    _suggestion.c.warehouse_id,
    unique=True,
)
_partial("calendar_entry_counts", "removed_at IS NULL", table(CalendarEntry).c.ends_on)
