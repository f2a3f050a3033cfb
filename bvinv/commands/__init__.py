"""The commands: one module each, imported when it is called. This table is what `--help` lists."""

COMMANDS = {
    "init": "Create or upgrade the database.",
    "demo": "Play the whole story on a throw-away database.",
    "products": "The catalogue: add, show, list, update, import, export.",
    "search": "Find products by words, with filters and facets.",
    "warehouse": "Warehouses and their bins.",
    "receive": "Take goods in.",
    "stock": "Stock: show, adjust, move, explain, verify.",
    "reserve": "Promises: create, commit, release, expire.",
}
