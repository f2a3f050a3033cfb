"""Suggestions: what should be ordered, one open one for each product and warehouse, with the
numbers that said so."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from bvinv.core import command_log, documents, holders, leases
from bvinv.core.command_log import Tale
from bvinv.core.db import Session, Sql
from bvinv.core.models.log import Command
from bvinv.core.replenishment import needs
from bvinv.core.replenishment.needs import Need

LEASE = "reorder"
_NUMBERS = ("quantity", "available", "inventory_position", "reorder_point", "order_up_to")
_SAID = (*_NUMBERS, "supplier_id", "reason", "inputs")
_OPEN = """
    SELECT s.id, s.product_id, s.warehouse_id, s.quantity, s.available, s.inventory_position
         , s.reorder_point, s.order_up_to, s.supplier_id, s.reason, s.inputs, p.sku
         , w.code AS warehouse
      FROM reorder_suggestion AS s JOIN product AS p ON p.id = s.product_id
           JOIN warehouse AS w ON w.id = s.warehouse_id
     WHERE s.status = 'open' {some} ORDER BY s.product_id, s.warehouse_id
"""
# Locked, so that nobody is short meanwhile whose suggestion would then be closed.
_ALL_OPEN = Sql(_OPEN.format(some=""), lock="FOR NO KEY UPDATE OF s")
_SOME_OPEN = Sql(_OPEN.format(some="AND s.product_id IN :products"))
# Whoever suggests the same at the same moment is waited for, and then changed.
_PUT = Sql.insert(
    "reorder_suggestion",
    *("product_id", "warehouse_id", "status", *_SAID, "order_id", "transfer_id"),
    *("command_id", "created_at", "updated_at"),
    after="ON CONFLICT (product_id, warehouse_id) WHERE status = 'open' DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in (*_SAID, "updated_at")),
)
_ORDER = Sql(f"""
    UPDATE reorder_suggestion
       SET status = 'ordered', order_id = :order_id, transfer_id = :transfer_id
         , {", ".join(f"{name} = :{name}" for name in _SAID)}, updated_at = :updated_at
     WHERE id = :id
""")
_CLOSE = Sql("""
    UPDATE reorder_suggestion SET status = 'closed', updated_at = :now
     WHERE id = :id AND status = 'open'
""")
_COUNT = Sql("SELECT count(*) AS open FROM reorder_suggestion WHERE status = 'open'")


class Drafted(NamedTuple):
    """A need that was met with a draft: so many pieces on a purchase order, or on a transfer."""

    need: Need
    quantity: int
    order_id: int | None = None
    transfer_id: int | None = None


@contextmanager
def alone(session: Session) -> Iterator[None]:
    """Wait for whoever orders, or looks at all that is needed, at this moment, and keep others from
    it until the transaction ends; what is read inside knows what they did."""
    holder = holders.named(session.now)
    leases.take(session, name=LEASE, holder=holder, seconds=60)
    yield
    leases.give_back(session, name=LEASE, holder=holder)


def refresh(session: Session) -> int:
    """Let the open suggestions be what is needed now, and return how many there are: new ones are
    opened, numbers that moved are changed, and what is fine again is closed."""
    with alone(session):
        return _refresh(session)


def _refresh(session: Session) -> int:
    stored = {(row.product_id, row.warehouse_id): row for row in session.ask(_ALL_OPEN)}
    found = needs.of(session)
    suggest(session, found, stored=stored)
    wanted = {need.key for need in found}
    gone = [row for key, row in stored.items() if key not in wanted]
    session.send(_CLOSE, [{"id": row.id, "now": session.now} for row in gone])
    tales = [
        Tale("reorder.closed", row.sku, {"warehouse": row.warehouse}, session.command)
        for row in gone
    ]
    if tales:
        command_log.tell(session, tales)
    return int(session.ask(_COUNT)[0].open)


def suggest(
    session: Session,
    found: Iterable[Need],
    *,
    stored: Mapping[tuple[int, int], Any] | None = None,
    commands: Mapping[int, Command] | None = None,
) -> None:
    """Open a suggestion for each need, or change the one that is open; tell of what is new and of
    quantities that changed. `commands` are those that made a level short, by its id."""
    # In one order everywhere, so that no two wait for each other's.
    ordered = sorted(found, key=lambda need: need.key)
    if stored is None:
        stored = _open(session, ordered)
    rows, tales = [], []
    for need in ordered:
        said, before = _said(need, need.decision.quantity), stored.get(need.key)
        if before is not None and all(getattr(before, name) == said[name] for name in _SAID):
            continue
        command = (commands or {}).get(need.at.level_id or 0, session.command)
        rows.append((need, said, command))
        if before is None or before.quantity != said["quantity"]:
            told = {"quantity": said["quantity"], "reason": need.reason}
            told = {"warehouse": need.at.warehouse, **told}
            told |= {"supplier": need.offer.supplier} if need.offer else {}
            tales.append(Tale("reorder.suggested", need.at.sku, told, command))
    if not rows:
        return
    command_log.record(session, *(command for *_, command in rows))
    session.send(_PUT, [_row(session, need, said, command) for need, said, command in rows])
    if tales:
        command_log.tell(session, tales)


def order(session: Session, drafted: Sequence[Drafted]) -> None:
    """Let the suggestions of these needs be ordered, and tell of it. What nobody had suggested is
    written down as ordered at once."""
    if not drafted:
        return
    command_log.record(session, session.command)
    stored = _open(session, [one.need for one in drafted])
    changed, new, tales = [], [], []
    for one in sorted(drafted, key=lambda one: one.need.key):
        said = _said(one.need, one.quantity)
        document = {"order_id": one.order_id, "transfer_id": one.transfer_id}
        before = stored.pop(one.need.key, None)
        if before is not None:
            changed.append(said | document | {"id": before.id, "updated_at": session.now})
        else:
            row = _row(session, one.need, said, session.command)
            new.append(row | document | {"status": "ordered"})
        told = {"warehouse": one.need.at.warehouse, "quantity": one.quantity}
        told |= {"order": documents.number("PO", one.order_id)} if one.order_id else {}
        told |= {"transfer": documents.number("TR", one.transfer_id)} if one.transfer_id else {}
        tales.append(Tale("reorder.ordered", one.need.at.sku, told, session.command))
    session.send(_ORDER, changed)
    session.send(_PUT, new)
    command_log.tell(session, tales)


def _open(session: Session, found: Iterable[Need]) -> dict[tuple[int, int], Any]:
    products = sorted({need.at.product_id for need in found})
    rows = session.ask(_SOME_OPEN, products=products)
    return {(row.product_id, row.warehouse_id): row for row in rows}


def _said(need: Need, quantity: int) -> dict[str, Any]:
    return {
        "quantity": quantity,
        "available": need.at.available,
        "inventory_position": need.at.position,
        "reorder_point": need.reorder_point,
        "order_up_to": need.order_up_to,
        "supplier_id": need.offer.supplier_id if need.offer else None,
        "reason": need.reason,
        "inputs": json.dumps(need.inputs(), separators=(",", ":")),
    }


def _row(session: Session, need: Need, said: dict[str, Any], command: Command) -> dict[str, Any]:
    return {
        "product_id": need.at.product_id,
        "warehouse_id": need.at.warehouse_id,
        "status": "open",
        **said,
        "order_id": None,
        "transfer_id": None,
        "command_id": command.id,
        "created_at": session.now,
        "updated_at": session.now,
    }
