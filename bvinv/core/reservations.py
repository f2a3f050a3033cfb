"""Reservations: promises on stock under the caller's own id, which nobody can break by accident.

`held` → `committed`, `released` or `expired`. A hold past its time counts as gone at once; the
sweep (`expire`) only records it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bvinv.core import (
    access,
    allocation,
    channels,
    command_log,
    holds,
    items,
    levels,
    reservation_rows,
    shortages,
    text,
    warehouses,
)
from bvinv.core.db import Session, Sql
from bvinv.core.errors import Conflict, InsufficientStock, InventoryError, NotFound
from bvinv.core.items import Item
from bvinv.core.ledger import Level, OpenLine, Posting, posting
from bvinv.core.levels import Key, Site
from bvinv.core.models.base import MOST
from bvinv.core.models.channel import ChannelRow
from bvinv.core.models.reservation import LineRow, ReservationRow
from bvinv.core.quotas import Quota
from bvinv.core.requests import DEFAULT_TTL, LONGEST, Line, Request, terms_of, understood
from bvinv.core.reservation_rows import Stored

__all__ = ["DEFAULT_TTL", "LONGEST", "Line", "Request", "create", "create_many"]

_NEW = Sql.insert(
    "reservation",
    "id",
    "status",
    "terms",
    "expires_at",
    "command_id",
    "created_at",
    "updated_at",
    "channel",
    "low_priority",
    "owner",
)
_NEW_LINE = Sql.insert(
    "reservation_line",
    "reservation_id",
    "level_id",
    "quantity",
    "held",
    "backordered",
    "committed",
    "released",
    "expires_at",
)


@dataclass(slots=True)
class _Scene:
    """What `create_many` looked up once for all its requests."""

    items: Mapping[str, Item]
    sites: Mapping[str, Site]
    levels: dict[Key, Level]
    posting: Posting
    channels: Mapping[str, ChannelRow]
    reservations: list[dict[str, Any]] = field(default_factory=list)
    lines: list[dict[str, Any]] = field(default_factory=list)
    made: dict[str, Stored] = field(default_factory=dict)
    quota: Quota | None = None
    taken: dict[str, int] = field(default_factory=dict)
    by_product: dict[int, list[Level]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Sort the levels by product: a group of callers wants many, each of them few."""
        for (product, _), level in self.levels.items():
            self.by_product.setdefault(product, []).append(level)

    def of(self, product: int) -> list[Level]:
        """Return the levels of a product."""
        return self.by_product.get(product, [])

    def is_low(self, request: Request) -> bool:
        """Tell whether a request comes from a channel of low priority. Raises NotFound."""
        if not request.channel:
            return False
        wanted = channels.code(request.channel)
        if wanted not in self.channels:
            raise channels.unknown(wanted)
        return self.channels[wanted].low_priority


def create(session: Session, request: Request, *, quota: Quota | None = None) -> ReservationRow:
    """Set stock aside for an order, all of it or nothing. Repeating the request changes nothing.

    Raises InsufficientStock with every short line, Conflict when the id exists with other terms or
    the caller's quota is full, NotPermitted when it is another caller's, NotFound, InvalidInput.
    """
    [answer] = create_many(session, [request], quota=quota)
    if isinstance(answer, InventoryError):
        raise answer
    return answer


def create_many(
    session: Session, requests: Sequence[Request], *, quota: Quota | None = None
) -> list[ReservationRow | InventoryError]:
    """Answer many callers in one transaction, each as if it had come alone, in their order.

    A refusal is an answer like the others and leaves nothing behind. One look-up and one write a
    table serve all of them, which is what makes group commit fast.
    """
    answers: list[ReservationRow | InventoryError] = []
    for request in requests:
        if request.command is not None and request.command is not session.command:
            request.command.id = None  # of an attempt that was rolled back
    checked = [understood(request) for request in requests]
    good = [one for one in checked if isinstance(one, Request)]
    with posting(session) as current:
        scene = _set(session, good, current)
        scene.quota = quota
        # Only now that the levels are locked: a retry that waited for them has to see the
        # first attempt, not its stock gone (PostgreSQL).
        existing = reservation_rows.stored(session, [request.reservation_id for request in good])
        for one in checked:
            try:
                if isinstance(one, InventoryError):
                    raise one
                answers.append(_answer(session, scene, one, existing))
            except InventoryError as error:
                answers.append(error)
        _insert(session, scene)
    return answers


def _set(session: Session, requests: Sequence[Request], current: Posting) -> _Scene:
    """Look up and lock what the requests are about."""
    lines = [line for request in requests for line in request.lines]
    known = items.known(session, [line.ref for line in lines])
    sites = warehouses.sites(session)
    named = {line.warehouse for line in lines}
    only = None
    if None not in named:
        only = {sites[code].id for code in map(_code, named) if code in sites}
    _make_backorder_levels(session, requests, known, sites)
    found = levels.lock(session, {item.id for item in known.values()}, only)
    named_channels = channels.known(session) if any(one.channel for one in requests) else {}
    return _Scene(known, sites, found, current, named_channels)


def _code(name: str | None) -> str:
    return (name or "").strip(" ").upper()


def _make_backorder_levels(
    session: Session,
    requests: Sequence[Request],
    known: Mapping[str, Item],
    sites: Mapping[str, Site],
) -> None:
    """See to it that a backorder has a level to wait at, also where nothing ever was."""
    pairs = []
    for request in requests:
        if request.backorder and sites:
            for line in request.lines:
                first = next(iter(sites.values()))
                site = first if line.warehouse is None else sites.get(_code(line.warehouse))
                if line.ref in known and site:
                    pairs.append((known[line.ref], site))
    if pairs:
        levels.make(session, pairs)


def _answer(
    session: Session,
    scene: _Scene,
    request: Request,
    existing: Mapping[str, Stored],
) -> ReservationRow:
    command = request.command or session.command
    wanted = _wanted(scene, request)
    is_low = scene.is_low(request)
    terms = terms_of(request, wanted)
    before = existing.get(request.reservation_id) or scene.made.get(request.reservation_id)
    if before is not None:
        access.require_own(
            role=command.role,
            actor=command.actor,
            owner=before.owner,
            what=f"reservation {request.reservation_id}",
        )
        if before.terms != terms:
            raise Conflict(
                f"reservation {request.reservation_id} exists with other terms",
                hint=f"see: bvinv reserve show {request.reservation_id}",
                reservation_id=request.reservation_id,
            )
        return before.row.model_copy(update={"replayed": True})
    if scene.quota:
        scene.quota.take(session, command, scene.taken.get(command.actor, 0))
    expires_at = request.end(session.now)
    products = dict.fromkeys(product for product, _ in wanted)
    touched = [(product, level) for product in products for level in scene.of(product)]
    for _, level in touched:
        _tidy(session, scene, level)
    given, short = allocation.plan(
        wanted,
        {
            (product, level.warehouse_id): level.available_to(low_priority=is_low)
            for product, level in touched
        },
        [site.id for site in scene.sites.values()],
        request.strategy,
    )
    if short and request.backorder and not scene.sites:
        raise NotFound(
            "there is no warehouse yet", hint="run: bvinv warehouse add MAIN --name Main"
        )
    if short and not request.backorder:
        raise _too_little(session, scene, request, wanted, short)

    # From here on nothing can fail.
    row = _hold(session, scene, request, expires_at, given, short)
    scene.made[request.reservation_id] = Stored(terms, command.actor, row)
    scene.taken[command.actor] = scene.taken.get(command.actor, 0) + 1
    _note(session, scene, request, terms, row)
    return row


def _wanted(scene: _Scene, request: Request) -> dict[allocation.Want, int]:
    """Return the pieces wanted by product and named warehouse; equal lines count together."""
    wanted: dict[allocation.Want, int] = {}
    unknown = [line.ref for line in request.lines if line.ref not in scene.items]
    if unknown:
        raise NotFound(
            "there is no product " + ", ".join(text.quoted(ref) for ref in unknown[:5]),
            hint="see: bvinv products list",
        )
    for line in request.lines:
        site = None
        if line.warehouse is not None:
            code = _code(line.warehouse)
            if code not in scene.sites:
                raise warehouses.unknown(warehouses.code(line.warehouse))
            site = scene.sites[code].id
        item = scene.items[line.ref]
        want = (item.id, site)
        wanted[want] = text.quantity(wanted.get(want, 0) + item.pieces(line.quantity), maximum=MOST)
    return wanted


def _tidy(session: Session, scene: _Scene, level: Level) -> None:
    """Record what ran out on a level; what that frees goes to backorders first."""
    if level.lapsed:
        holds.lapse(session, scene.posting, level)
        holds.fill(session, scene.posting, level)


def _hold(
    session: Session,
    scene: _Scene,
    request: Request,
    expires_at: int,
    given: Mapping[Key, int],
    short: Mapping[allocation.Want, int],
) -> ReservationRow:
    waiting: dict[Key, int] = {}
    is_low = int(scene.is_low(request))
    for (product, site), quantity in short.items():
        key = (product, site or next(iter(scene.sites.values())).id)
        waiting[key] = waiting.get(key, 0) + quantity
    lines = []
    for key in given.keys() | waiting.keys():
        level = scene.levels[key]
        held, backordered = given.get(key, 0), waiting.get(key, 0)
        if held:
            scene.posting.post(
                level,
                "hold",
                held,
                reserved=1,
                document=request.reservation_id,
                command=request.command,
            )
        if backordered:
            level.waiting.append(
                OpenLine(request.reservation_id, level.id, held, backordered, expires_at, is_low)
            )
            scene.posting.fall_short(level, request.command)
        parts = {
            "quantity": held + backordered,
            "held": held,
            "backordered": backordered,
            "committed": 0,
            "released": 0,
        }
        own = {"reservation_id": request.reservation_id, "level_id": level.id}
        scene.lines.append(own | parts | {"expires_at": expires_at})
        lines.append(LineRow(sku=level.sku, warehouse=level.warehouse, **parts))
    lines.sort(key=lambda line: (text.key(line.sku), line.warehouse))
    return ReservationRow(
        reservation_id=request.reservation_id,
        status="held",
        expires_at=expires_at,
        lines=lines,
        created_at=session.now,
        channel=channels.code(request.channel) if request.channel else None,
    )


def _note(
    session: Session, scene: _Scene, request: Request, terms: str, row: ReservationRow
) -> None:
    command = request.command or session.command
    scene.reservations.append(
        {
            "id": request.reservation_id,
            "status": "held",
            "terms": terms,
            "expires_at": row.expires_at,
            "command_id": command,
            "created_at": session.now,
            "updated_at": session.now,
            "channel": row.channel or "",
            "low_priority": int(scene.is_low(request)),
            "owner": command.actor,
        }
    )
    told: dict[str, Any] = {
        "lines": [[line.sku, line.warehouse, line.held, line.backordered] for line in row.lines]
    }
    if row.channel:
        told["channel"] = row.channel
    scene.posting.tell("reservation.created", request.reservation_id, told, command)


def _insert(session: Session, scene: _Scene) -> None:
    if not scene.reservations:
        return
    command_log.record(session, *(row["command_id"] for row in scene.reservations))
    for row in scene.reservations:
        row["command_id"] = row["command_id"].id
    session.send(_NEW, scene.reservations)
    session.send(_NEW_LINE, scene.lines)


def _too_little(
    session: Session,
    scene: _Scene,
    request: Request,
    wanted: Mapping[allocation.Want, int],
    short: Mapping[allocation.Want, int],
) -> InsufficientStock:
    """Return the refusal, with every short line and, for staff, who holds its product."""
    command = request.command or session.command
    sees_all = access.owner(role=command.role, actor=command.actor) is None
    codes = {site.id: site.code for site in scene.sites.values()}
    skus = {item.id: item.sku for item in scene.items.values()}
    is_low = scene.is_low(request)
    errors: list[dict[str, Any]] = []
    for product, site in short:
        touched = [
            level
            for key, level in scene.levels.items()
            if key[0] == product and site in (None, key[1])
        ]
        available = sum(max(level.available_to(low_priority=is_low), 0) for level in touched)
        kept = sum(max(level.available, 0) for level in touched) - available if is_low else 0
        who, held = shortages.holders(session, touched) if sees_all else ("", [])
        where = codes[site] if site else "all warehouses"
        error = {
            "sku": skus[product],
            "warehouse": codes[site] if site else None,
            "wanted": wanted[product, site],
            "available": available,
            "holders": held,
        }
        said = f"only {available} of {skus[product]} available at {where}, {error['wanted']} wanted"
        if kept:
            said = (
                f"only {available} of {skus[product]} available to channel "
                f"{channels.code(request.channel)} at {where} ({kept} are safety stock), "
                f"{error['wanted']} wanted"
            )
            error["safety_stock"] = kept
        errors.append({**error, "detail": said + who})
    first = errors[0]
    several = f"{len(errors)} lines are short: {', '.join(error['sku'] for error in errors)}"
    return InsufficientStock(
        first["detail"] if len(errors) == 1 else several,
        hint="reserve less, or let the rest wait for goods: --backorder",
        errors=errors if len(errors) > 1 else None,
        **{name: value for name, value in first.items() if name != "detail"},
    )
