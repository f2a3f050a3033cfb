"""The commands: one module each, imported when it is called. This table is what `--help` lists."""

COMMANDS = {
    "init": "Create or upgrade the database.",
    "demo": "Play the whole story on a throw-away database.",
    "products": "The catalogue: add, show, list, update, import, export.",
    "search": "Find products by words, with filters and facets.",
    "warehouse": "Warehouses and their bins.",
    "purchase": "Suppliers, purchase orders, and what came of them.",
    "receive": "Take goods in, for an order or without one.",
    "scan": "Scan sessions, and the barcodes that nobody knew.",
    "stock": "Stock: show, adjust, move, explain, verify.",
    "transfer": "Between warehouses: create, ship, receive, close.",
    "reserve": "Promises: create, pick, pack, ship, commit, release, expire.",
    "returns": "What customers send back, and what becomes of it.",
    "forecast": "Demand to come, what to order, and why.",
    "keys": "Who may use bvinv serve: create, list, revoke, limit.",
    "events": "What happened: follow it, send it on.",
    "webhooks": "URLs that are told what happens.",
    "db": "Back up, restore, check, copy; the ledger as a file.",
    "cron": "Print what cron or systemd should run, and when.",
    "serve": "The HTTP API, for shops and services.",
}
