"""Transfers as they are read, now and in the past, and how they are locked."""

from collections.abc import Collection, Sequence
from typing import Any

from bvinv.core import documents, warehouses
from bvinv.core.db import Session, Sql
from bvinv.core.errors import Conflict, NotFound
from bvinv.core.levels import Site
from bvinv.core.models.transfer import OPEN, STATUSES, TransferLineRow, TransferRow

_FOUND = """
    SELECT id, from_id, to_id, status, note, created_at, shipped_at, closed_at, updated_at
      FROM transfer WHERE {where}
"""
_LOCK = Sql(_FOUND.format(where="id IN :ids ORDER BY id"), lock="FOR UPDATE")
_LINES = """
    SELECT l.transfer_id, l.level_id, l.to_level_id, l.lot, l.quantity, l.shipped, l.received
         , l.lost, l.returned, l.shipped - l.received - l.lost - l.returned AS in_transit
         , s.product_id, p.sku
      FROM transfer_line AS l JOIN stock_level AS s ON s.id = l.level_id
           JOIN product AS p ON p.id = s.product_id
     WHERE l.transfer_id IN :ids {where} ORDER BY p.sku_key, l.lot
"""
_ALL_LINES = Sql(_LINES.format(where=""))
_LINES_OF = Sql(_LINES.format(where="AND s.product_id IN :products"))
_SUMS = Sql("""
    SELECT coalesce(sum(shipped), 0) AS shipped, coalesce(sum(received), 0) AS received
         , coalesce(sum(lost + returned), 0) AS gone
      FROM transfer_line WHERE transfer_id = :id
""")
_SETTLE = Sql("""
    UPDATE transfer
       SET status = :status, shipped_at = :shipped_at, closed_at = :closed_at, updated_at = :now
     WHERE id = :id
""")
_MOVED = Sql("""
    SELECT m.level_id, m.lot, m.kind
         , sum(CASE WHEN m.reverses > 0 THEN -m.quantity ELSE m.quantity END) AS quantity
         , max(m.occurred_at) AS at
      FROM movement AS m
     WHERE m.level_id IN :levels AND m.document = :document AND m.occurred_at <= :at
       AND m.kind IN ('send', 'arrive', 'send-back')
     GROUP BY m.level_id, m.lot, m.kind
""")


def number(row_id: int) -> str:
    """Return the number that people call a transfer by."""
    return documents.number("TR", row_id)


def locked(session: Session, transfer: str) -> Any:
    """Return a transfer, locked until the transaction ends. Raises NotFound, InvalidInput."""
    wanted = documents.row_id("TR", transfer)
    found = session.ask(_LOCK, ids=[wanted])
    if not found:
        raise documents.unknown("TR", wanted, "bvinv transfer list")
    return found[0]


def lock(session: Session, ids: Collection[int]) -> dict[int, Any]:
    """Return these transfers by id, locked in the order of their numbers."""
    return {row.id: row for row in session.ask(_LOCK, ids=sorted(ids))}


def lines(session: Session, ids: Collection[int], products: Collection[int] = ()) -> list[Any]:
    """Return the lines of these transfers by SKU and lot, all or those of some products."""
    if products:
        return session.ask(_LINES_OF, ids=sorted(ids), products=sorted(products))
    return session.ask(_ALL_LINES, ids=sorted(ids))


def ends(session: Session, found: Any) -> tuple[Site, Site]:
    """Return where a transfer comes from and where it goes."""
    by_id = {site.id: site for site in warehouses.sites(session).values()}
    return by_id[found.from_id], by_id[found.to_id]


def settle(session: Session, found: Any) -> int:
    """Write the status that follows from a transfer's lines; return what is still in transit."""
    [sums] = session.ask(_SUMS, id=found.id)
    status = _status(int(sums.shipped), int(sums.received), int(sums.gone))
    row = {
        "id": found.id,
        "status": status,
        "shipped_at": None if status == "draft" else found.shipped_at or session.now,
        "closed_at": (found.closed_at or session.now) if status == "closed" else None,
        "now": session.now,
    }
    session.send(_SETTLE, [row])
    return int(sums.shipped - sums.received - sums.gone)


def cancel(session: Session, found: Any) -> None:
    """Write that a draft is cancelled."""
    row = {"id": found.id, "status": "cancelled", "shipped_at": None, "closed_at": session.now}
    session.send(_SETTLE, [{**row, "now": session.now}])


def require_draft(found: Any, verb: str) -> None:
    """Raise Conflict unless nothing of the transfer has left."""
    if found.status == "draft":
        return
    named = number(found.id)
    hint = f"see: bvinv transfer show {named}"
    if found.status in ("shipped", "partly-received"):
        hint = (
            f"let it come back: bvinv transfer close {named} --rest returned"
            if verb == "cancelled"
            else f"bvinv transfer receive {named}, or undo the shipping: bvinv stock undo {named}"
        )
    said = found.status.replace("-", " ")
    raise Conflict(
        f"{named} is {said} already; only a draft can be {verb}",
        hint=hint,
        transfer=named,
        state=found.status,
    )


def show(session: Session, *, transfer: str, as_of: int | None = None) -> TransferRow:
    """Return a transfer as it is, or as it stood at an instant.

    The past is read from the movements by when they happened, so an undo counts from the moment of
    the undo. Approximated, because the ledger does not hold it: what was asked for is what is asked
    for today, and what is lost counts from the closing on. Raises NotFound, also for an
    instant before it was made.
    """
    wanted = documents.row_id("TR", transfer)
    found = session.ask(Sql(_FOUND.format(where="id = :id")), id=wanted)
    if not found:
        raise documents.unknown("TR", wanted, "bvinv transfer list")
    if as_of is not None:
        return _as_of(session, found[0], as_of)
    [row] = rows(session, found)
    return row


def draft(session: Session, *, transfer: str) -> TransferRow:
    """Return a transfer that can still be changed. Raises NotFound, Conflict."""
    require_draft(locked(session, transfer), "changed")
    return show(session, transfer=transfer)


def page(
    session: Session,
    *,
    status: str | None = None,
    warehouse: str | None = None,
    open: bool = False,
    limit: int = 50,
    after: str | None = None,
) -> tuple[list[TransferRow], str | None]:
    """Return a page of transfers, the newest first, and the cursor of the next page.

    `warehouse` is either end; `open` leaves out closed and cancelled ones. Raises InvalidInput,
    NotFound.
    """
    page = documents.Page("TR", limit=limit, after=after)
    page.one_of("status", status, STATUSES)
    if open:
        page.only("status IN :open", open=list(OPEN))
    if warehouse is not None:
        site = warehouses.site(session, warehouse)
        page.only("(from_id = :site OR to_id = :site)", site=site.id)
    found, more = page.ask(session, f"{_FOUND} ORDER BY id DESC LIMIT :limit")
    shown = rows(session, found)
    return shown, shown[-1].transfer if more else None


def rows(session: Session, found: Sequence[Any]) -> list[TransferRow]:
    """Return these transfers with their lines."""
    if not found:
        return []
    by_id: dict[int, list[TransferLineRow]] = {row.id: [] for row in found}
    for line in lines(session, by_id):
        by_id[line.transfer_id].append(_line(line, line._asdict()))
    codes = {site.id: site.code for site in warehouses.sites(session).values()}
    return [_row(row, codes, by_id[row.id]) for row in found]


def _row(found: Any, codes: dict[int, str], own: list[TransferLineRow]) -> TransferRow:
    return TransferRow(
        transfer=number(found.id),
        status=found.status,
        from_warehouse=codes[found.from_id],
        to_warehouse=codes[found.to_id],
        lines=own,
        note=found.note,
        created_at=found.created_at,
        shipped_at=found.shipped_at,
        closed_at=found.closed_at,
        updated_at=found.updated_at,
    )


def _line(line: Any, counts: dict[str, int]) -> TransferLineRow:
    parts = {name: counts[name] for name in ("shipped", "received", "lost", "returned")}
    in_transit = 2 * parts["shipped"] - sum(parts.values())
    return TransferLineRow(
        sku=line.sku, lot=line.lot, quantity=line.quantity, in_transit=in_transit, **parts
    )


def _status(shipped: int, received: int, gone: int) -> str:
    if not shipped:
        return "draft"
    if shipped == received + gone:
        return "closed"
    return "partly-received" if received else "shipped"


def _once_sent(own: Sequence[Any], moved: dict[tuple[int, str, str], int]) -> list[Any]:
    """Return the lines, with those of lots that were sent and are a draft again since."""
    levels = {line.level_id: line for line in own}
    present = {(line.level_id, line.lot) for line in own}
    gone = [
        levels[level]._replace(lot=lot, quantity=pieces)
        for (level, lot, kind), pieces in sorted(moved.items())
        if kind == "send" and pieces and (level, lot) not in present
    ]
    replaced = {line.level_id for line in gone}
    return [line for line in own if line.level_id not in replaced] + gone


def _as_of(session: Session, found: Any, at: int) -> TransferRow:
    named = number(found.id)
    if found.created_at > at:
        raise NotFound(f"there was no transfer {named} yet", transfer=named)
    own = lines(session, [found.id])
    touched = {line.level_id for line in own} | {line.to_level_id for line in own}
    moved: dict[tuple[int, str, str], int] = {}
    last = found.created_at
    for row in session.ask(_MOVED, levels=sorted(touched), document=named, at=at):
        moved[row.level_id, row.lot, row.kind] = int(row.quantity)
        last = max(last, row.at)
    own = _once_sent(own, moved)
    is_over = found.closed_at is not None and found.closed_at <= at
    told = []
    for line in own:
        counts = {
            "shipped": moved.get((line.level_id, line.lot, "send"), 0),
            "received": moved.get((line.to_level_id, line.lot, "arrive"), 0),
            "returned": moved.get((line.level_id, line.lot, "send-back"), 0),
            "lost": line.lost if (found.closed_at or found.updated_at) <= at else 0,
        }
        told.append(_line(line, counts))
    status = _status(
        sum(line.shipped for line in told),
        sum(line.received for line in told),
        sum(line.lost + line.returned for line in told),
    )
    if found.status == "cancelled" and is_over:
        status = "cancelled"
    codes = {site.id: site.code for site in warehouses.sites(session).values()}
    past = {
        "status": status,
        "shipped_at": found.shipped_at if status not in ("draft", "cancelled") else None,
        "closed_at": found.closed_at if is_over else None,
        "updated_at": min(found.updated_at, at) if is_over else last,
    }
    return _row(found, codes, told).model_copy(update=past)
