"""The HTTP API: one file per resource, the mirror of the commands. The first that fits answers."""

ROUTES = (
    "stock",
    "search",
    "products",
    "prices",
    "categories",
    "reservations",
    "warehouses",
    "transfers",
    "purchase_orders",
    "forecasts",
    "reorder",
    "events",
    "open",
)
