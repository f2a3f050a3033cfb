"""`bvinv purchase`: suppliers, what is ordered from them, and what they brought."""

from bvinv import door
from bvinv.commands.purchase import orders, receipts, suppliers
from bvinv.commands.purchase.group import app, order_app, supplier_app

door.order(order_app, "create", "place", "show", "list", "update", "cancel")
door.order(supplier_app, "list", "show", "add", "update", "terms")

__all__ = ["app", "orders", "receipts", "suppliers"]
