"""What the tests of nights say often: sell, run a night, look at what it stored."""

import json
from datetime import date, timedelta
from typing import Any

from bvinv.core import command_log, items, warehouses
from bvinv.core.db import Database, Session, Sql
from bvinv.core.replenishment import nights
from bvinv.core.replenishment.wishes import Terms, Wish
from tests import books
from tests.books import act

LAST = date(2026, 2, 28)  # the day before the clock's
SOLD = Sql.insert("demand_day", "product_id", "warehouse_id", "day_on", "quantity")


def sell(
    database: Database,
    ref: str,
    weeks: list[int],
    warehouse: str = "MAIN",
    last: date = LAST,
) -> None:
    """Have so many pieces sold in each week, the last of which ends with a day."""

    def action(session: Session) -> list[Any]:
        item, site = items.one(session, ref), warehouses.site(session, warehouse)
        days = [last - timedelta(days=7 * back) for back in reversed(range(len(weeks)))]
        session.send(
            SOLD,
            [
                {
                    "product_id": item.id,
                    "warehouse_id": site.id,
                    "day_on": int(f"{day:%Y%m%d}"),
                    "quantity": pieces,
                }
                for day, pieces in zip(days, weeks, strict=True)
            ],
        )
        return []

    act(database, action)


def night(
    database: Database, key: str | None = None, dry_run: bool = False, **said: Any
) -> dict[str, Any]:
    """Run a night; return its row. Terms and wishes are told apart by their names."""
    names = Terms.__dataclass_fields__
    split = Terms(**{name: value for name, value in said.items() if name in names})
    wish = Wish(split, **{name: value for name, value in said.items() if name not in names})
    asked = command_log.command("forecast run", actor="cron", key=key, request=said)
    return nights.run(database, wish, asked=asked, dry_run=dry_run).result


def levels(database: Database, *columns: str) -> dict[Any, Any]:
    """Return these columns of what is stored, by SKU and warehouse."""
    rows = books.fetch(
        database,
        f"SELECT p.sku, w.code, {', '.join(f'f.{name}' for name in columns)} "
        "FROM forecast_level AS f JOIN product AS p ON p.id = f.product_id "
        "JOIN warehouse AS w ON w.id = f.warehouse_id ORDER BY p.sku, w.code",
    )
    return {row[:2]: row[2:] for row in rows}


def level(
    database: Database, *columns: str, sku: str = "HX-1", warehouse: str = "MAIN"
) -> tuple[Any, ...]:
    return levels(database, *columns)[sku, warehouse]


def inputs(database: Database, sku: str = "HX-1", warehouse: str = "MAIN") -> Any:
    return json.loads(level(database, "inputs", sku=sku, warehouse=warehouse)[0])
