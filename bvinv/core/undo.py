"""Undo: what was done by mistake is done backwards, by movements that say so.

A reversal mirrors a movement: its ends swapped, its changes negated, the same pieces and lot. It
is refused when the goods have moved on, or when others hold them.
"""

from collections.abc import Sequence
from typing import Any

from bvinv.core import documents, holds, levels, text, undo_refusals
from bvinv.core.db import Session, Sql
from bvinv.core.errors import Conflict, InvalidInput, NotFound
from bvinv.core.ledger import (
    ADJUSTMENT,
    CUSTOMER,
    SUPPLIER,
    TRANSIT,
    Level,
    Place,
    Posting,
    posting,
)
from bvinv.core.levels import Key, rank
from bvinv.core.models.stock import MovementRow
from bvinv.core.models.transfer import ReversalRow, UndoneRow
from bvinv.core.models.warehouse import SELLABLE
from bvinv.core.purchasing import receipts
from bvinv.core.transfers import transfer_undo
from bvinv.core.undo_refusals import Step

_ENDS = {place.code: place for place in (SUPPLIER, CUSTOMER, ADJUSTMENT, TRANSIT)}
_MOVEMENTS = """
    SELECT m.id, m.level_id, m.level_seq, m.kind, m.reason, m.quantity, m.from_bin, m.to_bin
         , m.on_hand_change, m.reserved_change, m.on_hand, m.reserved, m.document, m.actor
         , m.occurred_at, m.recorded_at, m.hash, m.reverses, m.lot, m.command_id
         , l.product_id, l.warehouse_id, p.sku, w.code AS warehouse
      FROM movement AS m JOIN stock_level AS l ON l.id = m.level_id
           JOIN product AS p ON p.id = l.product_id JOIN warehouse AS w ON w.id = l.warehouse_id
     WHERE {where} ORDER BY m.id DESC
"""
_BY_ID = Sql(_MOVEMENTS.format(where="m.id IN :ids"))
_AT = Sql("SELECT id FROM movement WHERE level_id = :level AND level_seq = :seq")
_REVERSALS = Sql(
    _MOVEMENTS.format(where="m.level_id IN :levels AND m.reverses IN :seqs AND m.reverses > 0")
)
_LIVE = """
    SELECT m.id FROM {table} AS d JOIN movement AS m
           ON m.level_id = d.level_id AND m.level_seq = d.{seq}
     WHERE d.{parent} = :id AND d.{seq} > 0 AND NOT EXISTS (
           SELECT 1 FROM movement AS r WHERE r.level_id = m.level_id AND r.reverses = m.level_seq
              AND r.reverses > 0)
"""
_RECEIVED = Sql(_LIVE.format(table="receipt_line", seq="level_seq", parent="receipt_id"))
_COUNTED = Sql(_LIVE.format(table="stock_count_line", seq="posted_seq", parent="count_id"))
_RECEIPT = Sql("SELECT id FROM receipt WHERE id = :id")
_COUNT = Sql("SELECT id FROM stock_count WHERE id = :id")
_BINS = Sql("""
    SELECT id, warehouse_id, code, kind FROM bin WHERE warehouse_id IN :sites AND code IN :codes
""")
_NOUNS = {"RC": "receipt", "TR": "transfer", "CT": "count"}
_KEPT_BY = {"receive": "RC", "count": "CT", **dict.fromkeys(transfer_undo.KINDS, "TR")}


def movement(session: Session, *, movement_id: int) -> MovementRow:
    """Reverse one movement. Raises NotFound; Conflict when it is undone already, is an undo
    itself, belongs to a promise, or when its goods have moved on; InsufficientStock when others
    hold them."""
    text.quantity(movement_id, what="movement", maximum=2**62)
    if not session.ask(_BY_ID, ids=[movement_id]):
        raise NotFound(f"there is no movement {movement_id}", hint="see: bvinv stock history REF")
    return _alone(_reverse(session, [movement_id], f"movement {movement_id}"))


def document(session: Session, *, number: str) -> UndoneRow:
    """Reverse what a document did: a receipt, what a count posted, the last step of a transfer.

    Raises what `movement` does, for any of its movements; then none is reversed.
    """
    kind = documents.kind_of(number)
    if kind not in _NOUNS:
        raise InvalidInput(
            f"{text.quoted(number)} cannot be undone",
            hint="name a movement (see: bvinv stock history REF), a receipt RC-5, a transfer TR-3, "
            "or a count CT-2",
        )
    row_id = documents.row_id(kind, number)
    named = documents.number(kind, row_id)
    if kind == "TR":
        step, ids = transfer_undo.last_step(session, named)
        lost = named if step == "closed" else ""
        moved = _reverse(session, ids, named, transfer=lost, document=named, step=step)
        status = transfer_undo.status(session, named)
        return UndoneRow(undone=named, step=step, status=status, movements=_shown(moved))
    step = "received" if kind == "RC" else "posted"
    if not session.ask(_RECEIPT if kind == "RC" else _COUNT, id=row_id):
        see = "bvinv stock history REF" if kind == "RC" else "bvinv stock count list"
        raise documents.unknown(kind, row_id, see)
    ids = [row.id for row in session.ask(_RECEIVED if kind == "RC" else _COUNTED, id=row_id)]
    if not ids:
        raise Conflict(f"nothing of {named} is left to undo", document=named)
    moved = _reverse(session, ids, named, document=named, step=step)
    return UndoneRow(undone=named, step=step, status="", movements=_shown(moved))


def reverse(session: Session, *, level_id: int, level_seq: int) -> MovementRow:
    """Reverse the movement at a place of a level's chain, as a scan remembers it. Raises what
    `movement` does."""
    found = session.ask(_AT, level=level_id, seq=level_seq)
    if not found:
        raise NotFound(f"level {level_id} has no movement {level_seq}")
    return movement(session, movement_id=found[0].id)


def _reverse(
    session: Session,
    ids: list[int],
    what: str,
    *,
    transfer: str = "",
    document: str = "",
    step: str = "",
) -> list[tuple[Any, Any]]:
    """Reverse these movements, the newest first; with `transfer` its losses are in transit again.

    Return each movement with its reversal.
    """
    movements = session.ask(_BY_ID, ids=ids) if ids else []
    undo_refusals.refuse_kinds(movements, what)
    arrived, carried = _lock_documents(session, movements)
    found = _locked(session, movements, transfer)
    undo_refusals.refuse_undone(session, movements)
    steps = _steps(session, found, movements)
    undo_refusals.refuse_moved_on(session, steps)
    undo_refusals.refuse_held(session, steps)

    # From here on nothing can fail.
    touched = {level.id: level for level, *_ in steps}
    with posting(session) as current:
        for level in touched.values():
            if level.lapsed:
                holds.lapse(session, current, level)
        for level, one, origin, target in steps:
            current.post(
                level,
                one.kind,
                one.quantity,
                origin=origin,
                target=target,
                reason=one.reason,
                document=one.document,
                reverses=one.level_seq,
            )
        _settle(session, current, arrived, carried, found)
        if transfer:
            transfer_undo.find_lost(session, current, transfer, found)
        for level in touched.values():
            holds.fill(session, current, level)
        _tell(current, movements, document, step)
    return _pairs(session, movements)


def _lock_documents(session: Session, movements: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """Lock the documents that keep books of these movements; return those of receipts, those of
    transfers. Raises Conflict where a document's state forbids the undo."""
    arrived = [one for one in movements if one.kind == "receive"]
    carried = [one for one in movements if one.kind in transfer_undo.KINDS]
    if arrived:
        receipts.lock_movements(session, arrived)
    if carried:
        transfer_undo.lock_movements(session, carried)
    return arrived, carried


def _settle(
    session: Session,
    current: Posting,
    arrived: Sequence[Any],
    carried: Sequence[Any],
    found: dict[Key, Level],
) -> None:
    """Put the books of the documents right."""
    if arrived:
        receipts.undo(session, current, arrived)
    if carried:
        transfer_undo.undo(session, current, carried, found)


def _locked(session: Session, movements: Sequence[Any], transfer: str) -> dict[Key, Level]:
    """Return all levels that change, locked in one go, with the bins of those where goods move."""
    keys = {(one.product_id, one.warehouse_id) for one in movements}
    goods = set(keys)
    carried = [one for one in movements if one.kind in transfer_undo.KINDS]
    if carried:
        keys |= transfer_undo.levels(session, carried)
    if transfer:
        keys |= transfer_undo.losses(session, transfer).keys()
    found = levels.lock(session, {product for product, _ in keys}, {site for _, site in keys})
    levels.load_places(session, [found[key] for key in goods])
    return found


def _steps(session: Session, found: dict[Key, Level], movements: Sequence[Any]) -> list[Step]:
    """Return each movement with its level and the ends of its reversal: its own, swapped."""
    sites = sorted({one.warehouse_id for one in movements})
    codes = sorted({code for one in movements for code in (one.from_bin, one.to_bin)})
    bins = {
        (row.warehouse_id, row.code): Place(row.code, row.id, row.kind in SELLABLE, rank(row.kind))
        for row in (session.ask(_BINS, sites=sites, codes=codes) if sites else [])
    }

    def end(one: Any, name: str) -> Place:
        return _ENDS.get(name) or bins[one.warehouse_id, name]._replace(lot=one.lot)

    return [
        (found[one.product_id, one.warehouse_id], one, end(one, one.to_bin), end(one, one.from_bin))
        for one in movements
    ]


def _tell(current: Posting, movements: Sequence[Any], document: str, step: str) -> None:
    """Add the event: about the document if the movements are one's, else about the product. What
    a supplier calls a delivery may look like a number of ours, and is none."""
    lines = [[one.sku, one.warehouse, one.quantity] for one in movements]
    told = {"movements": [one.id for one in movements], "lines": lines}
    number = document or movements[0].document
    kind = documents.kind_of(number) if number else None
    if kind in _NOUNS and (document or _KEPT_BY.get(movements[0].kind) == kind):
        current.tell(f"{_NOUNS[kind]}.undone", number, told | ({"step": step} if step else {}))
        return
    for one in movements:
        said = {"warehouse": one.warehouse, "movement": one.id, "kind": one.kind}
        current.tell("stock.undone", one.sku, {**said, "quantity": one.quantity})


def _pairs(session: Session, movements: Sequence[Any]) -> list[tuple[Any, Any]]:
    """Return each of these movements with its reversal."""
    if not movements:
        return []
    found = {
        (row.level_id, row.reverses): row
        for row in session.ask(
            _REVERSALS,
            levels=sorted({one.level_id for one in movements}),
            seqs=sorted({one.level_seq for one in movements}),
        )
    }
    return [(one, found[one.level_id, one.level_seq]) for one in movements]


def _alone(pairs: list[tuple[Any, Any]]) -> MovementRow:
    """Return the first reversal as the ledger shows it."""
    row = pairs[0][1]._asdict()
    return MovementRow(
        **{name: row[name] for name in MovementRow.model_fields if name != "hash"},
        hash=bytes(row["hash"]).hex(),
    )


def _shown(pairs: list[tuple[Any, Any]]) -> list[ReversalRow]:
    return [
        ReversalRow(
            undoes=one.id,
            **{name: getattr(row, name) for name in ReversalRow.model_fields if name != "undoes"},
        )
        for one, row in pairs
    ]
