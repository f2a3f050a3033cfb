"""What happened to a product's stock, and why it stands where it stands."""

from typing import Any, ClassVar

from bvinv.core import holds, items, levels, stock, text, warehouses
from bvinv.core.db import Session, Sql
from bvinv.core.errors import InvalidInput
from bvinv.core.models.base import Day, Instant, Row
from bvinv.core.models.stock import LevelRow, MovementRow

_MOVEMENTS = """
    SELECT m.id, m.level_seq, p.sku, w.code AS warehouse, m.kind, m.reason, m.quantity, m.from_bin
         , m.to_bin, m.on_hand_change, m.reserved_change, m.on_hand, m.reserved, m.document
         , m.actor, m.occurred_at, m.recorded_at, m.hash, m.reverses, m.lot
      FROM movement AS m JOIN stock_level AS l ON l.id = m.level_id
           JOIN product AS p ON p.id = l.product_id JOIN warehouse AS w ON w.id = l.warehouse_id
     WHERE l.product_id = :product {where} ORDER BY m.id DESC LIMIT :limit
"""
_SUMMED = Sql("""
    SELECT kind, reason, count(*) AS movements, sum(on_hand_change) AS on_hand
         , sum(reserved_change) AS reserved
      FROM movement WHERE level_id = :level GROUP BY kind, reason ORDER BY kind, reason
""")
_BINS = Sql("""
    SELECT b.code, b.kind, l.quantity, l.lot, t.expires_on
      FROM bin_level AS l JOIN bin AS b ON b.id = l.bin_id
           JOIN stock_level AS s ON s.id = l.level_id
           LEFT JOIN lot AS t ON t.product_id = s.product_id AND t.code = l.lot
     WHERE l.level_id = :level AND l.quantity > 0 ORDER BY b.code, l.lot
""")


class CauseRow(Row):
    """All movements of one kind and reason, added up in pieces."""

    kind: str
    reason: str | None
    movements: int
    on_hand: int
    reserved: int


class HolderRow(Row):
    """A live reservation that holds pieces of the level."""

    reservation_id: str
    held: int
    expires_at: Instant


class WaitingRow(Row):
    """A live reservation that waits for pieces of the level."""

    reservation_id: str
    backordered: int


class LyingRow(Row):
    """A bin and the pieces in it, lot by lot where there are lots."""

    bin: str
    kind: str
    quantity: int
    lot: str | None = None
    expires_on: Day = None


class WhyRow(Row):
    """A level and everything that its counts are made of."""

    columns: ClassVar[tuple[str, ...]] = (
        "sku",
        "warehouse",
        "on_hand",
        "reserved",
        "available",
        "backordered",
        "causes",
        "holders",
        "waiting",
        "bins",
    )

    sku: str
    warehouse: str
    on_hand: int
    reserved: int
    available: int
    backordered: int
    unsellable: int
    causes: list[CauseRow]
    holders: list[HolderRow]
    waiting: list[WaitingRow]
    bins: list[LyingRow]


def history(
    session: Session,
    *,
    ref: str,
    warehouse: str | None = None,
    since: int | None = None,
    until: int | None = None,
    limit: int = 50,
    after: int | None = None,
) -> tuple[list[MovementRow], int | None]:
    """Return the product's movements, the newest first, and the cursor of the next page.

    `since` and `until` (instants, both included) are about when it happened, which back-dating
    can put before it was recorded. Raises NotFound, InvalidInput.
    """
    text.quantity(limit, what="limit", minimum=1, maximum=100_000)
    item = items.one(session, ref)
    where = []
    values: dict[str, Any] = {"product": item.id, "limit": limit + 1}
    if warehouse is not None:
        where.append("AND l.warehouse_id = :site")
        values["site"] = warehouses.site(session, warehouse).id
    if since is not None:
        where.append("AND m.occurred_at >= :since")
        values["since"] = since
    if until is not None:
        if since is not None and until < since:
            raise InvalidInput("--until lies before --since")
        where.append("AND m.occurred_at <= :until")
        values["until"] = until
    if after is not None:
        where.append("AND m.id < :after")
        values["after"] = text.quantity(after, what="cursor", maximum=2**62)
    found = session.ask(Sql(_MOVEMENTS.format(where=" ".join(where))), **values)
    rows = [MovementRow(**row._asdict() | {"hash": bytes(row.hash).hex()}) for row in found[:limit]]
    return rows, rows[-1].id if len(found) > limit else None


def why(session: Session, *, ref: str, warehouse: str) -> WhyRow:
    """Return what a level's counts are made of: causes, holders, who waits, bins.

    Raises NotFound.
    """
    item = items.one(session, ref)
    site = warehouses.site(session, warehouse)
    [shown] = stock.show(session, ref=item.sku, warehouse=site.code)
    level = levels.lock(session, {item.id}, {site.id}).get((item.id, site.id))
    if level is None:
        return _why(shown, [], [], [], [])
    return _why(
        shown,
        [
            CauseRow(
                kind=row.kind,
                reason=row.reason or None,
                movements=row.movements,
                on_hand=int(row.on_hand),
                reserved=int(row.reserved),
            )
            for row in session.ask(_SUMMED, level=level.id)
        ],
        [
            HolderRow(
                reservation_id=line.reservation_id, held=line.held, expires_at=line.expires_at
            )
            for line in holds.holders(session, level)
        ],
        [
            WaitingRow(reservation_id=line.reservation_id, backordered=line.backordered)
            for line in level.waiting
        ],
        [
            LyingRow(
                bin=row.code,
                kind=row.kind,
                quantity=row.quantity,
                lot=row.lot or None,
                expires_on=row.expires_on,
            )
            for row in session.ask(_BINS, level=level.id)
        ],
    )


def _why(
    shown: LevelRow,
    causes: list[CauseRow],
    holders: list[HolderRow],
    waiting: list[WaitingRow],
    bins: list[LyingRow],
) -> WhyRow:
    return WhyRow(
        sku=shown.sku,
        warehouse=shown.warehouse,
        on_hand=shown.on_hand,
        reserved=shown.reserved,
        available=shown.available,
        backordered=shown.backordered or 0,
        unsellable=shown.unsellable or 0,
        causes=causes,
        holders=holders,
        waiting=waiting,
        bins=bins,
    )
