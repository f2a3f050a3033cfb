"""The sample shop: the files in `data/`, loaded through the same functions as anybody's own."""

import csv
from collections.abc import Iterator
from pathlib import Path

from bvinv.core import categories, command_log, warehouses
from bvinv.core.db import Database, Session
from bvinv.core.errors import NotFound
from bvinv.core.imports import products as imports
from bvinv.core.imports import stock
from bvinv.core.purchasing import supplier_terms, suppliers
from bvinv.core.replenishment import history
from bvinv.core.schema import SchemaRow


class SampleRow(SchemaRow):
    """What the sample shop holds, beside what was done to the schema."""

    products: int
    warehouses: int
    levels: int
    suppliers: int
    demand_days: int


def folder() -> Path:
    """Return where the sample files are: inside the wheel, or beside the package in a checkout."""
    package = Path(__file__).parents[1]
    for place in (package / "data", package.parent / "data"):
        if (place / "catalogue.csv").is_file():
            return place
    raise NotFound("the sample data is not installed", hint="reinstall bvinv")


def load(
    database: Database,
    *,
    schema: SchemaRow,
    actor: str,
) -> SampleRow:
    """Load the files: categories, products, warehouses, bins, stock, suppliers, their terms, and
    what was sold in a year; what is there stays."""
    files = folder()
    asked = command_log.command("init --sample", actor=actor)
    database.run(lambda session: _add_categories(session, files), asked)
    with (files / "catalogue.csv").open("rb") as source:
        products = imports.import_products(
            database,
            source,
            actor=actor,
            name="catalogue.csv",
            on_existing="skip",
        )
    places = database.run(lambda session: _add_places(session, files), asked)
    with (files / "opening_stock.csv").open("rb") as source:
        levels = stock.import_stock(database, source, actor=actor, name="opening_stock.csv")
    sellers = database.run(lambda session: _add_suppliers(session, files), asked)
    with database.read() as session:
        has_demand = history.count(session) > 0
    if not has_demand:
        with (files / "demand.csv").open("rb") as source:
            history.import_demand(database, source, actor=actor, name="demand.csv")
    with database.read() as session:
        days = history.count(session)
    return SampleRow(
        **dict(schema),
        products=products.rows,
        warehouses=places,
        levels=levels.rows,
        suppliers=sellers,
        demand_days=days,
    )


def _add_categories(session: Session, files: Path) -> None:
    """Add the categories that are not there yet, each below its own."""
    known = {row.slug for row in categories.categories(session)}
    for row in _rows(files / "categories.csv"):
        if row["slug"] not in known:
            categories.add(session, slug=row["slug"], name=row["name"], parent=row["parent"])


def _add_places(session: Session, files: Path) -> int:
    """Add the warehouses and bins that are not there yet; return how many warehouses there are."""
    known = warehouses.sites(session)
    for row in _rows(files / "warehouses.csv"):
        if row["code"] not in known:
            warehouses.add(
                session, name_code=row["code"], name=row["name"], priority=int(row["priority"])
            )
    sites = warehouses.sites(session)
    bins = {code: warehouses.bins(session, site) for code, site in sites.items()}
    for row in _rows(files / "bins.csv"):
        if row["bin"] not in bins[row["warehouse"]]:
            warehouses.add_bin(
                session,
                warehouse=row["warehouse"],
                name=row["bin"],
                kind=row["kind"],
                pick_sequence=int(row["pick_sequence"]) if row["pick_sequence"] else None,
                capacity=int(row["capacity"]) if row["capacity"] else None,
            )
    return len(sites)


def _add_suppliers(session: Session, files: Path) -> int:
    """Add the suppliers and terms that are not there yet; return how many suppliers there are."""
    known = {row.code for row in suppliers.page(session, limit=10_000)[0]}
    for row in _rows(files / "suppliers.csv"):
        if row["code"] not in known:
            code = row.pop("code")
            suppliers.add(session, name_code=code, fields=row)
            known.add(code)
    terms: dict[str, list[tuple[str, dict[str, str]]]] = {}
    for row in _rows(files / "supplier_terms.csv"):
        terms.setdefault(row.pop("supplier"), []).append((row.pop("sku"), row))
    for code, offered in terms.items():
        seller = suppliers.find(session, code)
        agreed = {term.sku for term in supplier_terms.every(session, seller.id)}
        if new := [(sku, fields) for sku, fields in offered if sku not in agreed]:
            supplier_terms.put(session, seller, new)
    return len(known)


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as source:
        yield from csv.DictReader(source)


def barcode(sku: str) -> str:
    """Return the barcode that the sample catalogue gives to a SKU."""
    rows = _rows(folder() / "catalogue.csv")
    return next(row["barcode"] for row in rows if row["sku"] == sku)
