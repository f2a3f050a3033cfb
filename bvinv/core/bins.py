"""Bins: in which order pickers walk, how much fits, and what lies in each, now or at an instant."""

from collections.abc import Iterable
from typing import Any

from bvinv.core import command_log, dates, lots, text, warehouses
from bvinv.core.command_log import Tale
from bvinv.core.db import Session, Sql
from bvinv.core.errors import InvalidInput
from bvinv.core.ledger import Place
from bvinv.core.models.warehouse import BinDetails, BinRow, ContentRow

SETTINGS = ("pick_sequence", "capacity")

# What lies where: now, and from the ledger at an instant.
_NOW = """
    SELECT l.bin_id, l.level_id, l.lot, l.quantity
      FROM bin_level AS l JOIN bin AS b ON b.id = l.bin_id WHERE b.warehouse_id = :site
"""
_THEN = """
    SELECT b.id AS bin_id, m.level_id, m.lot, sum(m.pieces) AS quantity
      FROM (SELECT m.level_id, m.lot, m.to_bin AS code, m.quantity AS pieces
              FROM movement AS m JOIN stock_level AS l ON l.id = m.level_id
             WHERE l.warehouse_id = :site AND m.occurred_at <= :at
             UNION ALL
            SELECT m.level_id, m.lot, m.from_bin, -m.quantity
              FROM movement AS m JOIN stock_level AS l ON l.id = m.level_id
             WHERE l.warehouse_id = :site AND m.occurred_at <= :at) AS m
      JOIN bin AS b ON b.warehouse_id = :site AND b.code = m.code
     GROUP BY b.id, m.level_id, m.lot
"""
_LISTED = """
    SELECT b.code AS bin, b.kind, count(DISTINCT x.level_id) AS skus
         , coalesce(sum(x.quantity), 0) AS quantity, b.pick_sequence, b.capacity
      FROM bin AS b LEFT JOIN ({lying}) AS x ON x.bin_id = b.id AND x.quantity <> 0
     WHERE b.warehouse_id = :site {{where}}
     GROUP BY b.id, b.code, b.kind, b.pick_sequence, b.capacity ORDER BY b.code
"""
_LISTED_NOW, _LISTED_THEN = _LISTED.format(lying=_NOW), _LISTED.format(lying=_THEN)
_CONTENTS = """
    SELECT p.sku, x.lot, t.expires_on, x.quantity
      FROM ({lying}) AS x JOIN stock_level AS l ON l.id = x.level_id
           JOIN product AS p ON p.id = l.product_id
           LEFT JOIN lot AS t ON t.product_id = p.id AND t.code = x.lot
     WHERE x.bin_id = :bin AND x.quantity <> 0 ORDER BY p.sku_key, x.lot
"""
_CONTENTS_NOW = Sql(_CONTENTS.format(lying=_NOW))
_CONTENTS_THEN = Sql(_CONTENTS.format(lying=_THEN))
_STORED = Sql(
    "SELECT id, code, kind, pick_sequence, capacity FROM bin WHERE id = :id",
    lock="FOR NO KEY UPDATE",
)
_CHANGE = Sql("""
    UPDATE bin SET pick_sequence = :pick_sequence, capacity = :capacity WHERE id = :id
""")
# Not FOR UPDATE: whoever puts the first piece of a product here refers to the row meanwhile.
_LOCK = Sql(
    "SELECT id, capacity FROM bin WHERE id IN :ids AND capacity IS NOT NULL ORDER BY id",
    lock="FOR NO KEY UPDATE",
)
_LYING = Sql("SELECT coalesce(sum(quantity), 0) AS pieces FROM bin_level WHERE bin_id = :bin")


def bins(
    session: Session, *, warehouse: str, kind: str | None = None, as_of: int | None = None
) -> list[BinRow]:
    """Return the bins of a warehouse (of one kind) by code, with what lies in each.

    `as_of` (an instant) answers from the ledger. Raises NotFound, InvalidInput.
    """
    site = warehouses.site(session, warehouse)
    values: dict[str, Any] = {"site": site.id}
    if kind is not None:
        values["kind"] = warehouses.bin_kind(kind)
    if as_of is not None:
        values["at"] = as_of
    listed = _LISTED_NOW if as_of is None else _LISTED_THEN
    where = "AND b.kind = :kind" if kind is not None else ""
    return [
        BinRow(warehouse=site.code, **row._asdict() | {"quantity": int(row.quantity)})
        for row in session.ask(Sql(listed.format(where=where)), **values)
    ]


def show(session: Session, *, warehouse: str, bin: str, as_of: int | None = None) -> BinDetails:
    """Return a bin, what lies in it by SKU and lot, and the pieces that still fit.

    `as_of` (an instant) answers from the ledger what lay there. Raises NotFound.
    """
    site = warehouses.site(session, warehouse)
    place = warehouses.place(session, site, bin)
    [stored] = session.ask(_STORED, id=place.bin_id)
    values: dict[str, Any] = {"site": site.id, "bin": place.bin_id}
    if as_of is None:
        found, today = session.ask(_CONTENTS_NOW, **values), lots.today(session)
    else:
        found = session.ask(_CONTENTS_THEN, at=as_of, **values)
        today = dates.of(as_of)
    contents = [
        ContentRow(
            sku=row.sku,
            lot=row.lot or None,
            expires_on=row.expires_on,
            expired=row.expires_on is not None and row.expires_on < today,
            quantity=int(row.quantity),
        )
        for row in found
    ]
    lying = sum(row.quantity for row in contents)
    return BinDetails(
        warehouse=site.code,
        bin=place.code,
        kind=stored.kind,
        skus=len({row.sku for row in contents}),
        quantity=lying,
        pick_sequence=stored.pick_sequence,
        capacity=stored.capacity,
        room=None if stored.capacity is None else stored.capacity - lying,
        contents=contents,
    )


def change(
    session: Session, *, warehouse: str, bin: str, settings: dict[str, int | None]
) -> BinDetails:
    """Set `pick_sequence` and `capacity` (pieces); None takes one away. The kind never changes.

    A capacity below what lies there is set: nothing more is put there then. Raises NotFound,
    InvalidInput.
    """
    if not settings:
        raise InvalidInput("nothing to change", hint="for example: --pick-sequence 10")
    settings = {name: checked(name, value) for name, value in settings.items()}
    site = warehouses.site(session, warehouse)
    place = warehouses.place(session, site, bin)
    [stored] = session.ask(_STORED, id=place.bin_id)
    after = {name: getattr(stored, name) for name in SETTINGS} | settings
    if after != {name: getattr(stored, name) for name in SETTINGS}:
        session.send(_CHANGE, [{"id": stored.id, **after}])
        told = {"bin": place.code, **settings}
        command_log.tell(session, [Tale("warehouse.bin-changed", site.code, told, session.command)])
    return show(session, warehouse=site.code, bin=place.code)


def checked(name: str, value: int | None) -> int | None:
    """Return a bin's setting if it may be one. Raises InvalidInput."""
    if name not in SETTINGS:
        raise InvalidInput(f"a bin has {' and '.join(SETTINGS)}, not {text.quoted(name)}")
    what = name.replace("_", " ")
    return None if value is None else text.quantity(value, what=what, minimum=0)


def lock_room(session: Session, places: Iterable[Place]) -> dict[int, int]:
    """Return the pieces that still fit into each of these bins that has a capacity, the bins
    locked until the end, so that two who fill one see each other.

    In the order of locks bins stand between documents and levels: call it before any level is
    locked.
    """
    ids = sorted({place.bin_id for place in places if place.bin_id is not None})
    locked = session.ask(_LOCK, ids=ids)
    # Asked once more under the lock: whoever held it before has put something there.
    return {row.id: row.capacity - lying(session, row.id) for row in locked}


def lying(session: Session, bin_id: int) -> int:
    """Return the pieces in a bin, of all products."""
    return int(session.ask(_LYING, bin=bin_id)[0].pieces)
