"""Shipping: packed parcels leave, and the promise is kept; a shipment taken back is held again."""

from collections.abc import Sequence
from typing import Any

from bvinv.core import holds, levels, promises, text
from bvinv.core.db import Session, Sql
from bvinv.core.errors import Conflict, InsufficientStock
from bvinv.core.fulfilment import packages, packing, picking, picks
from bvinv.core.fulfilment.picks import Line
from bvinv.core.ledger import CUSTOMER, Level, Posting, posting
from bvinv.core.models.pick import ShipmentRow

_SHIP = Sql("""
    UPDATE package SET status = 'shipped', tracking = :tracking, shipped_at = :now WHERE id = :id
""")
_TAKE_BACK = Sql("""
    UPDATE package SET status = :status, tracking = '', shipped_at = NULL WHERE id = :id
""")
_MARK = Sql("""
    UPDATE package_line SET level_seq = :seq
     WHERE package_id = :package AND pick_line_id = :line
""")
_SUMS = Sql("""
    SELECT coalesce(sum(held), 0) AS held, coalesce(sum(backordered), 0) AS backordered
         , coalesce(sum(committed), 0) AS committed, coalesce(sum(released), 0) AS released
      FROM reservation_line WHERE reservation_id = :id
""")
_REVIVE = Sql("""
    UPDATE reservation SET status = 'held', expires_at = :until, updated_at = :now WHERE id = :id
""")
_CAME_BACK = Sql("""
    SELECT p.id, p.sku, coalesce(sum(l.committed), 0) AS committed
         , (SELECT coalesce(sum(r.quantity), 0)
              FROM customer_return AS r JOIN stock_level AS t ON t.id = r.level_id
             WHERE r.reservation_id = :id AND t.product_id = p.id) AS returned
      FROM reservation_line AS l JOIN stock_level AS s ON s.id = l.level_id
           JOIN product AS p ON p.id = s.product_id
     WHERE l.reservation_id = :id GROUP BY p.id, p.sku ORDER BY p.sku
""")


def ship(
    session: Session, *, reservation_id: str, package: str | None = None, tracking: str = ""
) -> ShipmentRow:
    """Let packed packages leave, all of them or one: goods and hold fall together.

    The reservation is committed when it holds and waits for nothing more. Raises NotFound,
    Conflict when the reservation is over or nothing is packed, or a lot has expired.
    """
    tracking = text.line(tracking, what="tracking number", maximum=200) if tracking else ""
    found = promises.live(session, reservation_id)
    parts = {part.level.id: part for part in promises.live_parts(session, found)}
    parcels = _parcels(session, found.id, package, "packed")
    levels.load_places(session, [part.level for part in parts.values()])
    by_id = {line.id: line for line in picks.lines(session, found.id)}
    inside = _inside(session, found.id, parcels)
    leaving: dict[int, int] = {}
    for row in inside:
        line = by_id[row.pick_line_id]
        packing.refuse_expired(found.id, line, parts[row.level_id].level.stale)
        leaving[row.level_id] = leaving.get(row.level_id, 0) + row.quantity
    staged: dict[int, list[Line]] = {}
    for line in by_id.values():
        if line.staged:
            staged.setdefault(line.level_id, []).append(line)
    for number, pieces in leaving.items():
        _refuse_missing(found.id, parts[number], staged[number], pieces)

    # From here on nothing can fail.
    with posting(session) as current:
        told = _send_off(session, current, parts, by_id, inside, found.id)
        changes = [
            holds.change(found.id, number, held=-pieces, committed=pieces)
            for number, pieces in leaving.items()
        ]
        holds.apply(session, changes)
        shipped = [{"id": one.id, "tracking": tracking, "now": session.now} for one in parcels]
        session.send(_SHIP, shipped)
        picks.settle(session, found.id)
        [sums] = session.ask(_SUMS, id=found.id)
        if not sums.held and not sums.backordered:
            promises.close_all(session, [found.id], "committed")
        labels = [one.label for one in parcels]
        data = {"packages": labels, "tracking": tracking, "lines": told}
        current.tell("reservation.shipped", found.id, data)
    return _show(session, found.id, parcels)


def unship(session: Session, *, reservation_id: str, package: str | None = None) -> ShipmentRow:
    """Take shipped packages back, all of them or one, because they did not leave after all: the
    goods to staging, packed as they were, and the hold, for 7 days at least.

    What the customer sends back is a return instead. Where the promise is over for its other
    pieces (released, expired), the goods come back free. Raises NotFound, Conflict.
    """
    found = promises.known(session, reservation_id)
    locked = promises.levels_of(session, found.id)
    parcels = _parcels(session, found.id, package, "shipped")
    by_id = {line.id: line for line in picks.lines(session, found.id)}
    inside = _inside(session, found.id, parcels)
    _refuse_returned(session, found.id, [by_id[row.pick_line_id] for row in inside], inside)
    levels.load_places(session, locked.values())
    [sums] = session.ask(_SUMS, id=found.id)
    lives = found.status == "committed" or (
        found.status == "held" and found.expires_at > session.now
    )
    is_over = not lives or sums.released > 0

    # From here on nothing can fail.
    with posting(session) as current:
        _bring_back(session, current, locked, by_id, inside, found.id, is_over=is_over)
        status = "cancelled" if is_over else "packed"
        session.send(_TAKE_BACK, [{"id": one.id, "status": status} for one in parcels])
        if not is_over:
            until = max(found.expires_at, session.now + picking.LEAST)
            session.send(_REVIVE, [{"id": found.id, "until": until, "now": session.now}])
            picks.settle(session, found.id)
        labels = [one.label for one in parcels]
        current.tell("reservation.unshipped", found.id, {"packages": labels, "held": not is_over})
    return _show(session, found.id, parcels)


def _send_off(
    session: Session,
    current: Posting,
    parts: dict[int, promises.Part],
    by_id: dict[int, Line],
    inside: Sequence[Any],
    reservation_id: str,
) -> list[list[Any]]:
    """Post what is in these packages to the customer, a movement a line; return what left."""
    marks, told = [], []
    for row in inside:
        level, line = parts[row.level_id].level, by_id[row.pick_line_id]
        level.picked[line.target] = level.picked.get(line.target, 0) - row.quantity
        line.shipped += row.quantity
        current.post(
            level,
            "commit",
            row.quantity,
            origin=line.target,
            target=CUSTOMER,
            reserved=-1,
            document=reservation_id,
        )
        marks.append({"package": row.package_id, "line": row.pick_line_id, "seq": level.head_seq})
        told.append([line.sku, line.warehouse, row.quantity])
    session.send(_MARK, marks)
    picks.save(session, [by_id[row.pick_line_id] for row in inside])
    return told


def _bring_back(
    session: Session,
    current: Posting,
    locked: dict[int, Level],
    by_id: dict[int, Line],
    inside: Sequence[Any],
    reservation_id: str,
    *,
    is_over: bool,
) -> None:
    """Reverse each movement that shipped; what is over holds nothing, also not for a moment."""
    back: dict[int, int] = {}
    for row in inside:
        level, line = locked[row.level_id], by_id[row.pick_line_id]
        current.post(
            level,
            "commit",
            row.quantity,
            origin=CUSTOMER,
            target=line.target,
            reserved=1,
            document=reservation_id,
            reverses=row.level_seq,
        )
        line.shipped -= row.quantity
        if is_over:
            line.packed -= row.quantity
        else:
            level.picked[line.target] = level.picked.get(line.target, 0) + row.quantity
        back[row.level_id] = back.get(row.level_id, 0) + row.quantity
    changes = []
    for number, pieces in back.items():
        kept = 0 if is_over else pieces
        changes.append(
            holds.change(
                reservation_id, number, held=kept, committed=-pieces, released=pieces - kept
            )
        )
        if is_over:
            current.post(locked[number], "release", pieces, reserved=-1, document=reservation_id)
    holds.apply(session, changes)
    if is_over:
        for number in back:
            holds.fill(session, current, locked[number])
    picks.save(session, [by_id[row.pick_line_id] for row in inside])
    session.send(
        _MARK,
        [{"package": row.package_id, "line": row.pick_line_id, "seq": 0} for row in inside],
    )


def _parcels(session: Session, reservation_id: str, package: str | None, status: str) -> list[Any]:
    """Return the packages of a status, or the one that is named. Raises NotFound, Conflict."""
    found = packages.packages(session, reservation_id)
    if package is None:
        if chosen := [one for one in found if one.status == status]:
            return chosen
        raise _nothing(session, reservation_id, status)
    label = packages.code(package)
    named = [one for one in found if one.label == label]
    if not named:
        raise packages.unknown(reservation_id, label)
    if named[0].status != status:
        said = "not been shipped" if status == "shipped" else f"been {named[0].status}"
        raise Conflict(
            f"package {label} of {reservation_id} has {said}",
            hint=f"see: bvinv reserve show {reservation_id}",
            reservation_id=reservation_id,
            package=label,
        )
    return named


def _nothing(session: Session, reservation_id: str, status: str) -> Conflict:
    if status == "shipped":
        return Conflict(
            f"nothing of reservation {reservation_id} has been shipped",
            reservation_id=reservation_id,
        )
    if pieces := picks.staged(session, reservation_id):
        return Conflict(
            f"reservation {reservation_id} has {pieces} picked in staging and none packed",
            hint=f"pack them: bvinv reserve pack {reservation_id} --package LABEL",
            reservation_id=reservation_id,
            picked=pieces,
        )
    return Conflict(
        f"nothing of reservation {reservation_id} is picked",
        hint=f"pick it: bvinv reserve pick {reservation_id}, or without picking: "
        f"bvinv reserve commit {reservation_id}",
        reservation_id=reservation_id,
    )


def _inside(session: Session, reservation_id: str, parcels: Sequence[Any]) -> list[Any]:
    chosen = {one.id for one in parcels}
    return [row for row in packages.lines(session, reservation_id) if row.package_id in chosen]


def _refuse_missing(
    reservation_id: str, part: promises.Part, own: Sequence[Line], pieces: int
) -> None:
    """Raise when less stands in staging, or is held, than leaves: somebody else's doing."""
    level = part.level
    for place in {line.target for line in own}:
        wanted = sum(line.staged for line in own if line.target == place)
        if level.places.get(place, 0) < wanted or part.held < pieces:
            raise InsufficientStock(
                f"only {min(level.places.get(place, 0), part.held)} of {level.sku} stand in "
                f"{place.code} at {level.warehouse} for {reservation_id}, {wanted} were picked",
                hint="see: bvinv stock verify",
                sku=level.sku,
                warehouse=level.warehouse,
                wanted=wanted,
                available=level.places.get(place, 0),
            )


def _refuse_returned(
    session: Session, reservation_id: str, own: Sequence[Line], inside: Sequence[Any]
) -> None:
    """Raise Conflict when the customer has sent back some of what would come back once more."""
    back: dict[int, int] = {}
    for line, row in zip(own, inside, strict=True):
        back[line.product_id] = back.get(line.product_id, 0) + row.quantity
    for row in session.ask(_CAME_BACK, id=reservation_id):
        if row.returned > row.committed - back.get(row.id, 0) and row.id in back:
            raise Conflict(
                f"{row.returned} of {row.sku} came back from the customer already",
                hint=f"see: bvinv returns list --reservation {reservation_id}",
                reservation_id=reservation_id,
                sku=row.sku,
                returned=int(row.returned),
            )


def _show(session: Session, reservation_id: str, parcels: Sequence[Any]) -> ShipmentRow:
    head = promises.known(session, reservation_id)
    [sums] = session.ask(_SUMS, id=reservation_id)
    return ShipmentRow(
        reservation_id=reservation_id,
        status=head.status,
        expires_at=head.expires_at,
        packages=packages.rows(session, reservation_id, [one.id for one in parcels]),
        held=int(sums.held),
        backordered=int(sums.backordered),
        committed=int(sums.committed),
    )
