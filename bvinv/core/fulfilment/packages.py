"""Packages as they are kept: parcels of a reservation, and which picked pieces are in them."""

from collections.abc import Sequence
from typing import Any

from bvinv.core import reservation_rows, text
from bvinv.core.db import Session, Sql
from bvinv.core.errors import NotFound
from bvinv.core.fulfilment import picks
from bvinv.core.models.pick import PackageRow, PackedRow, ReservationDetails

_PACKAGES = Sql("""
    SELECT id, label, status, tracking, created_at, shipped_at FROM package
     WHERE reservation_id = :id ORDER BY id
""")
_LINES = Sql("""
    SELECT c.package_id, c.pick_line_id, c.quantity, c.level_seq, l.level_id, l.lot, d.sku
         , w.code AS warehouse
      FROM package AS k JOIN package_line AS c ON c.package_id = k.id
           JOIN pick_line AS l ON l.id = c.pick_line_id
           JOIN stock_level AS s ON s.id = l.level_id JOIN product AS d ON d.id = s.product_id
           JOIN warehouse AS w ON w.id = s.warehouse_id
     WHERE k.reservation_id = :id ORDER BY c.package_id, d.sku_key, l.lot, c.pick_line_id
""")


def code(label: str) -> str:
    """Return a package's label as it is kept. Raises InvalidInput."""
    return text.code(label, what="package", maximum=64)


def packages(session: Session, reservation_id: str) -> list[Any]:
    """Return a reservation's packages, the oldest first."""
    return session.ask(_PACKAGES, id=reservation_id)


def lines(session: Session, reservation_id: str) -> list[Any]:
    """Return what is in a reservation's packages: a row a package and pick line."""
    return session.ask(_LINES, id=reservation_id)


def unknown(reservation_id: str, label: str) -> NotFound:
    """Return the error for a package that is not there."""
    return NotFound(
        f"reservation {reservation_id} has no package {label}",
        hint=f"see: bvinv reserve show {reservation_id}",
        reservation_id=reservation_id,
        package=label,
    )


def reservation(
    session: Session, *, reservation_id: str, owner: str | None = None
) -> ReservationDetails:
    """Return a reservation as it is now, with what is picked, packed and shipped; `owner` is who
    asks, unless they may see everybody's.

    Raises NotFound, and NotPermitted when it is another caller's.
    """
    row = reservation_rows.show(session, reservation_id=reservation_id, owner=owner)
    staged = packed = 0
    if row.status == "held":
        for line in picks.lines(session, row.reservation_id):
            staged += line.staged
            packed += line.packed - line.shipped
    return ReservationDetails(
        **{name: getattr(row, name) for name in type(row).model_fields},
        picked=staged,
        packed=packed,
        packages=rows(session, row.reservation_id),
    )


def rows(
    session: Session, reservation_id: str, only: Sequence[int] | None = None
) -> list[PackageRow]:
    """Return a reservation's packages as both doors show them, or `only` those with these ids."""
    inside = lines(session, reservation_id)
    shown = []
    for row in packages(session, reservation_id):
        if only is not None and row.id not in only:
            continue
        own = [line for line in inside if line.package_id == row.id]
        pieces: dict[tuple[str, str], int] = {}
        for line in own:
            key = (line.sku, line.lot)
            pieces[key] = pieces.get(key, 0) + line.quantity
        shown.append(
            PackageRow(
                package=row.label,
                reservation_id=reservation_id,
                warehouse=own[0].warehouse if own else None,
                status=row.status,
                tracking=row.tracking,
                pieces=sum(pieces.values()),
                lines=[PackedRow(sku=sku, lot=lot, quantity=n) for (sku, lot), n in pieces.items()],
                created_at=row.created_at,
                shipped_at=row.shipped_at,
            )
        )
    return shown
