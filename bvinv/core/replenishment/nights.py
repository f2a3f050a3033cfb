"""The night's work: forecast every product in every warehouse, and store when to order it.

It reads one snapshot, computes outside of any transaction, and writes all of it in one: a night
that fails leaves the levels of the one before.
"""

import json
from contextlib import nullcontext
from dataclasses import asdict, replace
from time import perf_counter
from typing import Any

from bvinv.core import command_log, dates, leases, warehouses
from bvinv.core.command_log import Answer, Tale
from bvinv.core.db import Database, Session, Sql
from bvinv.core.models.log import Command
from bvinv.core.models.replenishment import ChoiceRow, RunRow
from bvinv.core.replenishment import (
    classing,
    costs,
    demand,
    horizons,
    level_rows,
    service,
    sourcing,
    suggestions,
    wishes,
)
from bvinv.core.replenishment.demand import Panel
from bvinv.core.replenishment.level_rows import COLUMNS, VERSION, Before, Known, Pair
from bvinv.core.replenishment.service import Goal
from bvinv.core.replenishment.wishes import Wish

LEASE = "forecast"
LEASE_SECONDS = 300
_CHUNK = 5_000  # rows that are sent in one go

_BEFORE = Sql("""
    SELECT f.product_id, f.warehouse_id, f.level, r.as_of_on, f.lead_time_days, f.review_days
         , f.service_level, f.service_kind
         , CASE WHEN r.as_of_on = :as_of THEN f.inputs END AS inputs
      FROM forecast_level AS f JOIN forecast_run AS r ON r.id = f.run_id
""")
_MAX_STOCK = Sql("""
    SELECT product_id, warehouse_id, max_stock FROM stock_level WHERE max_stock IS NOT NULL
""")
_ADD_RUN = Sql.insert(
    "forecast_run",
    "as_of_on",
    "period",
    "version",
    "settings",
    "levels",
    "command_id",
    "recorded_at",
    after="RETURNING id",
)
_STORED = ("run_id", *COLUMNS)
_PUT = Sql.insert(
    "forecast_level",
    *_STORED,
    after="ON CONFLICT (product_id, warehouse_id) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _STORED if name not in COLUMNS[:2]),
)
# What no night has looked at since: discontinued, or without a history.
_DROP = Sql("DELETE FROM forecast_level WHERE run_id <> :run")
_DROP_AT = Sql("DELETE FROM forecast_level WHERE run_id <> :run AND warehouse_id = :site")


def run(database: Database, wish: Wish, *, asked: Command, dry_run: bool = False) -> Answer:
    """Forecast, store the levels, and renew the suggestions of what to order.

    Raises Busy while another run has the lease, InvalidInput for half of the costs and a day that
    is still to come, NotFound for the warehouse.
    """
    started = perf_counter()
    wishes.refuse_half_costs(wish)
    with database.read() as session:
        stored = command_log.replay(session, asked)
    if stored is not None:
        return Answer(stored, replayed=True, changes=[])
    # What is only tried disturbs nobody.
    alone = leases.held(database, asked, name=LEASE, seconds=LEASE_SECONDS)
    with nullcontext() if dry_run else alone:
        with database.read() as session:
            known, site, chosen = _known(session, wish)
            as_of = horizons.on(known.panel.as_of)
        series = len(known.panel.keys)
        found = level_rows.rows(known, wish.terms)
        del known

        def store(session: Session) -> RunRow:
            suggested = _store(session, wish, as_of, site, found, chosen)
            return RunRow(
                as_of=as_of,
                period=wish.period,
                series=series,
                levels=len(found),
                suggestions=suggested,
                seconds=round(perf_counter() - started, 3),
                version=VERSION,
                chosen=chosen,
            )

        return command_log.execute(database, store, asked, dry_run=dry_run)


def _known(session: Session, wish: Wish) -> tuple[Known, int | None, list[ChoiceRow]]:
    """Return all that the night looks at, the warehouse's id, and the levels that were cheapest."""
    site = None if wish.warehouse is None else warehouses.site(session, wish.warehouse).id
    panel = _slim(demand.panel(session, as_of=wish.as_of, period=wish.period, warehouse=site))
    as_of = horizons.on(panel.as_of)
    offers = sourcing.offers(session)
    abc = classing.abc(session, as_of=as_of)
    lead_times = sourcing.lead_times(session)
    chosen = []
    if wish.optimises and wish.terms.holding_rate is not None:
        chosen = costs.cheapest(
            session,
            panel,
            abc=abc,
            offers=offers,
            lead_times=lead_times,
            review_days=wish.terms.review_days,
            holding_rate=wish.terms.holding_rate,
        )
    known = Known(
        panel=panel,
        offers=offers,
        lead_times=lead_times,
        goals=service.goals(session, default=wish.level, by_class=costs.by_class(chosen)),
        abc=abc,
        max_stock={
            (row.product_id, row.warehouse_id): row.max_stock for row in session.ask(_MAX_STOCK)
        },
        before=_before(session, as_of),
    )
    return known, site, chosen


def _slim(panel: Panel) -> Panel:
    """Return the panel without the buckets before anything was sold or stocked, and with no more
    of what was recorded than is shown: 100,000 products have to fit into little memory."""
    seen = [bool((panel.demand[:, bucket] >= 0).any()) for bucket in range(len(panel.begins))]
    first = seen.index(True) if True in seen else 0
    return replace(
        panel,
        demand=panel.demand[:, first:].copy(),
        recorded=panel.recorded[:, -level_rows.SHOWN :].copy(),
        begins=panel.begins[first:],
    )


def _before(session: Session, as_of: int) -> dict[Pair, Before]:
    """Return the levels to smooth with. A night that is run once more is smoothed with what it was
    smoothed with the first time, so that it says the same."""
    found: dict[Pair, Before] = {}
    for product, site, level, day, lead, review, goal, kind, inputs in session.stream(
        _BEFORE, as_of=as_of
    ):
        if inputs is not None:
            earlier = json.loads(inputs)["before"]
            if earlier is None:
                continue
            before = Before(
                **earlier, lead_time_days=lead, review_days=review, goal=Goal(goal, kind)
            )
        else:
            before = Before(level, day, lead, review, Goal(goal, kind))
        found[product, site] = before
    return found


def _store(
    session: Session,
    wish: Wish,
    as_of: int,
    site: int | None,
    found: list[tuple[Any, ...]],
    chosen: list[ChoiceRow],
) -> int:
    """Write the levels, tell of them, and return how many suggestions are open then."""
    command_log.record(session, session.command)
    settings = asdict(wish) | {"chosen": [row.record() for row in chosen]}
    [number] = session.insert(
        _ADD_RUN,
        [
            {
                "as_of_on": as_of,
                "period": wish.period,
                "version": VERSION,
                "settings": json.dumps(settings, ensure_ascii=False),
                "levels": len(found),
                "command_id": session.command.id,
                "recorded_at": session.now,
            }
        ],
    )
    for start in range(0, len(found), _CHUNK):
        chunk = found[start : start + _CHUNK]
        session.send(_PUT, [dict(zip(_STORED, (number, *row), strict=True)) for row in chunk])
    session.send(_DROP if site is None else _DROP_AT, [{"run": number, "site": site}])
    suggested = suggestions.refresh(session)
    told = {"period": wish.period, "levels": len(found), "suggestions": suggested}
    tale = Tale("forecast.finished", dates.display(as_of), told, session.command)
    command_log.tell(session, [tale])
    return suggested
