"""What becomes of a reservation: extended, committed, released, expired."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from bvinv.core import (
    access,
    command_log,
    holds,
    instants,
    items,
    levels,
    requests,
    reservation_rows,
    shortages,
    text,
)
from bvinv.core.command_log import Answer, Tale
from bvinv.core.db import Database, Session, Sql
from bvinv.core.errors import Conflict
from bvinv.core.fulfilment import picks
from bvinv.core.ledger import CUSTOMER, Level, Posting, posting
from bvinv.core.models.base import Row
from bvinv.core.models.log import Command
from bvinv.core.models.reservation import ReservationRow
from bvinv.core.models.stock import LevelChange

_LOCK = Sql(
    "SELECT id, status, expires_at, owner FROM reservation WHERE id IN :ids ORDER BY id",
    lock="FOR UPDATE",
)
_LAPSED = Sql(
    "SELECT 1 AS found FROM reservation_line WHERE reservation_id = :id AND released > 0 LIMIT 1"
)
_CLOSE = Sql("UPDATE reservation SET status = :status, updated_at = :now WHERE id = :id")
_EXTEND = Sql("UPDATE reservation SET expires_at = :until, updated_at = :now WHERE id = :id")
_KEYS = Sql("""
    SELECT DISTINCT s.product_id, s.warehouse_id
      FROM reservation_line AS l JOIN stock_level AS s ON s.id = l.level_id
     WHERE l.reservation_id IN :ids
""")
# In the order in which warehouses are asked: a second partial commit goes on where the first ended.
_OPEN = Sql("""
    SELECT l.reservation_id, l.level_id, l.held, l.backordered
      FROM reservation_line AS l JOIN stock_level AS s ON s.id = l.level_id
           JOIN product AS p ON p.id = s.product_id JOIN warehouse AS w ON w.id = s.warehouse_id
     WHERE l.reservation_id IN :ids AND l.held + l.backordered > 0
     ORDER BY l.reservation_id, p.sku_key, w.priority, w.code
""")
_DUE = Sql(
    """
    SELECT id, expires_at FROM reservation WHERE status = 'held' AND expires_at <= :now
     ORDER BY expires_at, id LIMIT :batch
    """,
    lock="FOR UPDATE SKIP LOCKED",
)


class ExpiryRow(Row):
    """What a sweep recorded: reservations, and pieces that they no longer hold."""

    expired: int
    pieces: int


class Part(NamedTuple):
    reservation_id: str
    level: Level
    held: int
    backordered: int


def extend(
    session: Session, *, reservation_id: str, ttl: int | None = None, expires_at: int | None = None
) -> ReservationRow:
    """Let a live reservation last `ttl` microseconds from now, or until an instant.

    Raises NotFound, InvalidInput, and Conflict when it is over or would end sooner than it does.
    """
    if expires_at is None:
        ttl = requests.DEFAULT_TTL if ttl is None else ttl
        text.quantity(ttl, what="ttl", minimum=1_000_000, maximum=requests.LONGEST)
        expires_at = session.now + ttl
    requests.require_end(session.now, expires_at)
    found = live(session, reservation_id)
    live_parts(session, found)
    if expires_at < found.expires_at:
        raise Conflict(
            f"{found.id} lasts longer already, until {instants.display(found.expires_at)}",
            reservation_id=found.id,
        )
    prolong(session, found, expires_at)
    return reservation_rows.show(session, reservation_id=found.id)


def prolong(session: Session, found: Any, until: int) -> None:
    """Let a live reservation, locked with its levels, last until this instant at least."""
    if until > found.expires_at:
        session.send(_EXTEND, [{"id": found.id, "until": until, "now": session.now}])
        told = {"expires_at": instants.display(until)}
        command_log.tell(session, [Tale("reservation.extended", found.id, told, session.command)])


def commit(
    session: Session,
    *,
    reservation_id: str,
    lines: Sequence[tuple[str, int]] = (),
    close: bool = False,
) -> ReservationRow:
    """Let held goods leave: all of them, or these lines; `close` releases what is left.

    On hand and reserved fall together. Raises NotFound, and Conflict when the reservation is over,
    holds less, or is picked: what stands ready for a parcel is shipped.
    """
    found = live(session, reservation_id)
    parts = filled_parts(session, found)
    picks.refuse_staged(session, found.id)
    wanted = _wanted(session, found.id, lines, parts)
    levels.load_places(session, [part.level for part in parts])
    changes: list[dict[str, Any]] = []
    told = []
    with posting(session) as current:
        for part in parts:
            leaving = min(part.held, wanted.get(part.level.product_id, 0))
            rest = part.held - leaving
            if leaving:
                wanted[part.level.product_id] -= leaving
                for origin, pieces in shortages.giving(part.level, None, leaving):
                    current.post(
                        part.level,
                        "commit",
                        pieces,
                        origin=origin,
                        target=CUSTOMER,
                        reserved=-1,
                        document=found.id,
                    )
                told.append([part.level.sku, part.level.warehouse, leaving])
            if close and rest:
                current.post(part.level, "release", rest, reserved=-1, document=found.id)
            freed = rest + part.backordered if close else 0
            if close:
                _forget(part)
            changes.append(
                holds.change(
                    found.id,
                    part.level.id,
                    held=-leaving - (rest if close else 0),
                    backordered=-part.backordered if close else 0,
                    committed=leaving,
                    released=freed,
                )
            )
        holds.apply(session, changes)
        if close or all(
            -c["held"] == p.held and not p.backordered for c, p in zip(changes, parts, strict=True)
        ):
            close_all(session, [found.id], "committed")
        current.tell("reservation.committed", found.id, {"lines": told, "closed": close})
        if close:
            refill(session, current, parts)
    return reservation_rows.show(session, reservation_id=found.id)


def release(session: Session, *, reservation_id: str) -> ReservationRow:
    """Give back everything that a live reservation still holds or waits for; what was picked goes
    back to its bins.

    Raises NotFound, and Conflict when it is over.
    """
    found = live(session, reservation_id)
    _let_go(session, {found.id: None}, status="released", kind="release")
    return reservation_rows.show(session, reservation_id=found.id)


def expire(session: Session, *, batch: int = 500) -> ExpiryRow:
    """Record up to `batch` reservations whose time has run out; safe to run twice or at once."""
    text.quantity(batch, what="batch", minimum=1, maximum=10_000)
    due = {row.id: row.expires_at for row in session.ask(_DUE, now=session.now, batch=batch)}
    pieces = _let_go(session, due, status="expired", kind="expire") if due else 0
    return ExpiryRow(expired=len(due), pieces=pieces)


def sweep(database: Database, asked: Command, *, batch: int = 500, dry_run: bool = False) -> Answer:
    """Record everything that has run out, one transaction a batch; return the sums.

    Killed half-way, it leaves whole batches; the next run does the rest. The key, if there is
    one, belongs to the last batch.
    """
    if dry_run:
        return command_log.execute(
            database, lambda session: _expire_all(session, batch), asked, dry_run=True
        )
    step = replace(asked, key=None)
    expired = pieces = 0
    changes: list[LevelChange] = []
    with database.read() as session:
        stored = command_log.replay(session, asked)
    if stored is not None:
        return Answer(stored, replayed=True, changes=[])
    while True:
        answer = command_log.execute(database, lambda session: expire(session, batch=batch), step)
        assert isinstance(answer.result, dict)
        expired += answer.result["expired"]
        pieces += answer.result["pieces"]
        changes += answer.changes
        if answer.result["expired"] < batch:
            break
    total = ExpiryRow(expired=expired, pieces=pieces)
    if asked.key:
        command_log.execute(database, lambda _: total, asked)
    return Answer(total.record(), replayed=False, changes=changes)


def _expire_all(session: Session, batch: int) -> ExpiryRow:
    expired = pieces = 0
    while True:
        row = expire(session, batch=batch)
        expired += row.expired
        pieces += row.pieces
        if row.expired < batch:
            return ExpiryRow(expired=expired, pieces=pieces)


def known(session: Session, reservation_id: str) -> Any:
    """Return the reservation, over or not, locked.

    Raises NotFound, and NotPermitted when it is another caller's.
    """
    wanted = text.code(reservation_id, what="reservation id", maximum=128)
    rows = session.ask(_LOCK, ids=[wanted])
    if not rows:
        raise reservation_rows.unknown(wanted)
    who, what = session.command, f"reservation {wanted}"
    access.require_own(role=who.role, actor=who.actor, owner=rows[0].owner, what=what)
    return rows[0]


def live(session: Session, reservation_id: str) -> Any:
    """Return the reservation, locked.

    Raises NotFound, NotPermitted when it is another caller's, and Conflict when it is over.
    """
    found = known(session, reservation_id)
    if found.status == "held" and found.expires_at <= session.now:
        raise _expired(found)
    if found.status != "held":
        raise Conflict(
            f"reservation {found.id} is {found.status} already",
            hint=f"see: bvinv reserve show {found.id}",
            reservation_id=found.id,
            state=found.status,
        )
    return found


def _expired(found: Any) -> Conflict:
    return Conflict(
        f"reservation {found.id} expired at {instants.display(found.expires_at)}",
        hint="make a new reservation",
        reservation_id=found.id,
        state="expired",
    )


def live_parts(session: Session, found: Any) -> list[Part]:
    """Return the open lines of a live reservation, their levels locked.

    Raises Conflict when it ran out while this waited for the locks, and somebody whose clock
    was later gave its pieces away (PostgreSQL; a live reservation has released nothing).
    """
    parts = _open_parts(session, [found.id])
    if session.ask(_LAPSED, id=found.id):
        raise _expired(found)
    return parts


def filled_parts(session: Session, found: Any) -> list[Part]:
    """Return the open lines, after what ran out elsewhere has come to those who wait for it."""
    parts = live_parts(session, found)
    if not any(part.level.waiting and part.level.free > 0 for part in parts):
        return parts
    with posting(session) as current:
        refill(session, current, parts)
    return live_parts(session, found)


def levels_of(session: Session, *ids: str) -> dict[int, Level]:
    """Return the levels that these reservations have lines at, locked, by their ids."""
    keys = session.ask(_KEYS, ids=list(ids))
    found = levels.lock(session, {product for product, _ in keys}, {site for _, site in keys})
    return {level.id: level for level in found.values()}


def _open_parts(session: Session, ids: Sequence[str]) -> list[Part]:
    """Return the open lines of these reservations, their levels locked."""
    by_id = levels_of(session, *ids)
    return [
        Part(row.reservation_id, by_id[row.level_id], row.held, row.backordered)
        for row in session.ask(_OPEN, ids=list(ids))
    ]


def _wanted(
    session: Session, reservation_id: str, lines: Sequence[tuple[str, int]], parts: list[Part]
) -> dict[int, int]:
    """Return the pieces that leave, by product. Raises Conflict when fewer are held."""
    held: dict[int, int] = {}
    for part in parts:
        held[part.level.product_id] = held.get(part.level.product_id, 0) + part.held
    if not lines:
        if not any(held.values()):
            raise Conflict(
                f"reservation {reservation_id} holds nothing yet; it waits for goods",
                hint=f"see: bvinv reserve show {reservation_id}",
                reservation_id=reservation_id,
            )
        return held
    named = items.named(session, [ref for ref, _ in lines])
    wanted: dict[int, int] = {}
    for ref, quantity in lines:
        item = named[ref]
        wanted[item.id] = wanted.get(item.id, 0) + item.pieces(text.quantity(quantity))
        if wanted[item.id] > held.get(item.id, 0):
            raise Conflict(
                f"reservation {reservation_id} holds {held.get(item.id, 0)} of {item.sku}, "
                f"{wanted[item.id]} wanted",
                hint=f"see: bvinv reserve show {reservation_id}",
                reservation_id=reservation_id,
                sku=item.sku,
                held=held.get(item.id, 0),
                wanted=wanted[item.id],
            )
    return wanted


def _let_go(session: Session, ids: Mapping[str, int | None], *, status: str, kind: str) -> int:
    """Give back all that these reservations hold, each at its instant (None: now); return the
    pieces that became free."""
    parts = _open_parts(session, list(ids))
    changes = []
    with posting(session) as current:
        if status == "released":
            by_id = {part.level.id: part.level for part in parts}
            picks.bring_all_back(session, current, by_id, ids)
        for part in parts:
            if part.held:
                current.post(
                    part.level,
                    kind,
                    part.held,
                    reserved=-1,
                    document=part.reservation_id,
                    occurred_at=ids[part.reservation_id],
                )
            _forget(part)
            changes.append(
                holds.change(
                    part.reservation_id,
                    part.level.id,
                    held=-part.held,
                    backordered=-part.backordered,
                    released=part.held + part.backordered,
                )
            )
        holds.apply(session, changes)
        close_all(session, ids, status)
        for number in ids:
            own = [
                [p.level.sku, p.level.warehouse, p.held + p.backordered]
                for p in parts
                if p.reservation_id == number
            ]
            current.tell(f"reservation.{status}", number, {"lines": own})
        refill(session, current, parts)
    return sum(part.held for part in parts)


def _forget(part: Part) -> None:
    """Take a reservation's line out of what its level believes to be open."""
    level = part.level
    level.lapsed[:] = [one for one in level.lapsed if one.reservation_id != part.reservation_id]
    level.waiting[:] = [one for one in level.waiting if one.reservation_id != part.reservation_id]


def refill(session: Session, current: Posting, parts: Sequence[Part]) -> None:
    """Give what became free to those who wait for it."""
    for level in {part.level.id: part.level for part in parts}.values():
        holds.fill(session, current, level)


def close_all(session: Session, ids: Iterable[str], status: str) -> None:
    """End these reservations and, with them, their picks."""
    picks.end(session, ids)
    session.send(_CLOSE, [{"id": number, "status": status, "now": session.now} for number in ids])
