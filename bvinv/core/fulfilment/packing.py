"""Packing: what was picked goes into packages; nothing leaves before they are shipped."""

from collections.abc import Sequence
from typing import Any

from bvinv.core import command_log
from bvinv.core.command_log import Tale
from bvinv.core.db import Session, Sql
from bvinv.core.errors import Conflict
from bvinv.core.fulfilment import packages, pick_work, picks
from bvinv.core.fulfilment.pick_work import Work
from bvinv.core.fulfilment.picks import Line
from bvinv.core.models.pick import PackageRow

_ADD = Sql.insert(
    "package",
    "reservation_id",
    "label",
    "status",
    "tracking",
    "command_id",
    "created_at",
    after="RETURNING id",
)
_AGAIN = Sql("UPDATE package SET status = 'packed', command_id = :command WHERE id = :id")
_CANCEL = Sql("UPDATE package SET status = 'cancelled' WHERE id = :id")
_EMPTY = Sql("DELETE FROM package_line WHERE package_id = :id")
_PUT = Sql.insert("package_line", "package_id", "pick_line_id", "quantity", "level_seq")
_PUT_MORE = Sql("""
    UPDATE package_line SET quantity = quantity + :quantity
     WHERE package_id = :package_id AND pick_line_id = :pick_line_id
""")


def pack(
    session: Session,
    *,
    reservation_id: str,
    label: str,
    lines: Sequence[tuple[str, int]] = (),
    warehouse: str | None = None,
) -> PackageRow:
    """Put picked pieces into a package: these, or all that are in none. It may be packed on until
    it is shipped; all of it lies in one warehouse.

    Raises NotFound, and Conflict when fewer were picked, or the package or reservation is closed.
    """
    label = packages.code(label)
    work = pick_work.at_work(session, reservation_id)
    found = next((row for row in packages.packages(session, work.id) if row.label == label), None)
    if found and found.status == "shipped":
        raise Conflict(
            f"package {label} of {work.id} has been shipped",
            hint="use another label",
            reservation_id=work.id,
            package=label,
        )
    inside = [
        line
        for line in packages.lines(session, work.id)
        if found and found.status == "packed" and line.package_id == found.id
    ]
    where = inside[0].warehouse if inside else warehouse
    chosen = _chosen(session, work, lines, where and where.strip().upper())
    _refuse_expired(work, chosen)

    # From here on nothing can fail.
    number = _package(session, work, label, found)
    known = {line.pick_line_id for line in inside}
    for line, quantity in chosen:
        line.packed += quantity
    rows = [
        {"package_id": number, "pick_line_id": line.id, "quantity": quantity, "level_seq": 0}
        for line, quantity in chosen
    ]
    session.send(_PUT_MORE, [row for row in rows if row["pick_line_id"] in known])
    session.send(_PUT, [row for row in rows if row["pick_line_id"] not in known])
    picks.save(session, [line for line, _ in chosen])
    told = {"package": label, "quantity": sum(quantity for _, quantity in chosen)}
    command_log.tell(session, [Tale("reservation.packed", work.id, told, session.command)])
    [row] = packages.rows(session, work.id, [number])
    return row


def unpack(session: Session, *, reservation_id: str, label: str) -> PackageRow:
    """Take everything out of a package that was not shipped. Raises NotFound, Conflict."""
    label = packages.code(label)
    work = pick_work.at_work(session, reservation_id)
    found = next((row for row in packages.packages(session, work.id) if row.label == label), None)
    if found is None:
        raise packages.unknown(work.id, label)
    if found.status != "packed":
        raise Conflict(
            f"package {label} of {work.id} is {found.status} already",
            hint=f"take it back: bvinv reserve ship {work.id} --cancel --package {label}"
            if found.status == "shipped"
            else None,
            reservation_id=work.id,
            package=label,
        )

    # From here on nothing can fail.
    by_id = {line.id: line for line in work.lines}
    changed = []
    for row in packages.lines(session, work.id):
        if row.package_id == found.id:
            by_id[row.pick_line_id].packed -= row.quantity
            changed.append(by_id[row.pick_line_id])
    picks.save(session, changed)
    session.send(_CANCEL, [{"id": found.id}])
    told = {"package": label}
    command_log.tell(session, [Tale("reservation.unpacked", work.id, told, session.command)])
    [row] = packages.rows(session, work.id, [found.id])
    return row


def _package(session: Session, work: Work, label: str, found: Any) -> int:
    """Return the id of the package, begun anew if need be."""
    command_log.record(session, session.command)
    if found is None:
        row = {
            "reservation_id": work.id,
            "label": label,
            "status": "packed",
            "tracking": "",
            "command_id": session.command.id,
            "created_at": session.now,
        }
        return session.insert(_ADD, [row])[0]
    if found.status == "cancelled":
        session.send(_EMPTY, [{"id": found.id}])
        session.send(_AGAIN, [{"id": found.id, "command": session.command.id}])
    return int(found.id)


def _chosen(
    session: Session, work: Work, lines: Sequence[tuple[str, int]], warehouse: str | None
) -> pick_work.Chosen:
    """Return which picked pieces go into the package. Raises Conflict, with the numbers."""
    loose = [line for line in work.lines if line.loose and warehouse in (None, line.warehouse)]
    chosen: pick_work.Chosen = []
    if lines:
        by_product: dict[int, list[Line]] = {}
        for line in loose:
            by_product.setdefault(line.product_id, []).append(line)
        for product, (sku, quantity) in pick_work.wanted(session, lines).items():
            own = by_product.get(product, [])
            there = sum(line.loose for line in own)
            if quantity > there:
                what = "picked and not packed" + (f" at {warehouse}" if warehouse else "")
                raise pick_work.too_many(what, work.id, sku, there, quantity)
            rest = quantity
            for line in own:
                part = min(line.loose, rest)
                rest -= part
                if part:
                    chosen.append((line, part))
    else:
        chosen = [(line, line.loose) for line in loose]
    if not chosen:
        raise Conflict(
            f"nothing is picked and not packed for {work.id}"
            + (f" at {warehouse}" if warehouse else ""),
            hint=f"pick it first: bvinv reserve pick {work.id}",
            reservation_id=work.id,
        )
    sites = sorted({line.warehouse for line, _ in chosen})
    if len(sites) > 1:
        raise Conflict(
            f"what is picked for {work.id} stands in {' and '.join(sites)}",
            hint=f"one package a warehouse: --warehouse {sites[0]}",
            reservation_id=work.id,
            warehouses=sites,
        )
    return chosen


def _refuse_expired(work: Work, chosen: pick_work.Chosen) -> None:
    for line, _ in chosen:
        refuse_expired(work.id, line, work.level(line).stale)


def refuse_expired(reservation_id: str, line: Line, stale: set[str]) -> None:
    """Raise Conflict if the line's lot has expired since it was picked."""
    if line.origin.lot in stale:
        raise Conflict(
            f"lot {line.origin.lot} of {line.sku} has expired",
            hint=f"bring it back: bvinv reserve pick {reservation_id} --cancel, then pick again",
            reservation_id=reservation_id,
            sku=line.sku,
            lot=line.origin.lot,
        )
