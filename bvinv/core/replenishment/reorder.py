"""The reorder report: what to order tonight, the most urgent first, and the drafts of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bvinv.core import access, dates, documents, money, text, warehouses
from bvinv.core.db import Session
from bvinv.core.errors import InvalidInput
from bvinv.core.models.reorder import ReorderRow
from bvinv.core.purchasing import orders, suppliers
from bvinv.core.replenishment import needs, positions, run_outs, sales, suggestions, transfers_first
from bvinv.core.replenishment.needs import Horizon, Need
from bvinv.core.replenishment.suggestions import Drafted
from bvinv.core.transfers import transfers

STALE_DAYS = 8  # after so many, levels are not last night's any more
MOST = 100_000  # rows of a page
NOTE = "bvinv forecast reorder"
_NAMED = 5  # SKUs in a note
_LATE = 99_999_999  # later than any day


@dataclass(frozen=True)
class _Line:
    """A row of the report: a need, or a part of it that is moved or bought."""

    need: Need
    quantity: int
    origin: str = ""  # the warehouse that it would come from
    runs_out_on: int | None = None
    order_id: int | None = None
    transfer_id: int | None = None

    @property
    def urgency(self) -> tuple[int, int, str, str, str]:
        """What the report is sorted by: who waits already, then what runs out first."""
        at = self.need.at
        day = self.runs_out_on or _LATE
        return (int(at.available >= 0), day, at.sku_key, at.warehouse, self.origin or "~")


@dataclass
class Ordered:
    """What was drafted: the lines with their documents, and what one should know about them."""

    rows: list[ReorderRow] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def page(
    session: Session,
    *,
    warehouse: str | None = None,
    supplier: str | None = None,
    transfer_first: bool = False,
    limit: int | None = None,
    after: str | None = None,
) -> tuple[list[ReorderRow], str | None]:
    """Return what is to be ordered, the most urgent first, and the cursor of the next page.

    A level is in it whose inventory position is below its reorder point, or below nothing where
    none is said. `supplier` leaves out what would be ordered elsewhere; with `transfer_first` what
    other warehouses have too much of is moved before anything is bought. Raises NotFound,
    InvalidInput.
    """
    lines, horizon = _lines(session, warehouse, supplier, transfer_first=transfer_first)
    part, cursor = _page(lines, limit, after)
    return [_row(line, horizon) for line in part], cursor


def order(
    session: Session,
    *,
    warehouse: str | None = None,
    supplier: str | None = None,
    transfer_first: bool = False,
    limit: int | None = None,
    after: str | None = None,
) -> Ordered:
    """Write what `page` returns as drafts: an order for each supplier and warehouse, a transfer
    for each two warehouses. Drafts count in the position, so that a second time nothing is left.

    What nobody sells, or `max_stock` blocks, is returned without a document. Raises NotPermitted,
    NotFound, InvalidInput.
    """
    access.require(session, "purchase order create")
    if transfer_first:
        access.require(session, "transfer create")
    written = Ordered()
    with suggestions.alone(session):
        lines, horizon = _lines(session, warehouse, supplier, transfer_first=transfer_first)
        part, _ = _page(lines, limit, after)
        done = _buy(session, _move(session, part), written)
        drafted = [_drafted(one) for one in done if one.order_id or one.transfer_id]
        suggestions.order(session, drafted)
    written.rows += [_row(line, horizon) for line in done]
    written.notes += _left(done)
    return written


def age(session: Session) -> str | None:
    """Return, as a sentence, that the levels are old or that there are none, and what to do."""
    seen_on = positions.forecast_on(session)
    hint = "run: bvinv forecast run"
    if seen_on is None:
        return f"nothing is forecast yet, so only typed reorder points count; {hint}"
    passed = (sales.end_of(dates.of(session.now)) - sales.end_of(seen_on)) // sales.DAY
    if passed <= STALE_DAYS:
        return None
    return f"levels of {dates.display(seen_on)}, {passed} days old; {hint}"


def _lines(
    session: Session, warehouse: str | None, supplier: str | None, *, transfer_first: bool
) -> tuple[list[_Line], Horizon]:
    site = warehouses.site(session, warehouse).id if warehouse is not None else None
    seller = suppliers.find(session, supplier).code if supplier is not None else None
    found = needs.of(session, site=site)
    horizon = Horizon(session, [need.at for need in found])
    days = {need.key: horizon.runs_out_on(need.at) for need in found}
    moves: Sequence[transfers_first.Move] = ()
    if transfer_first:
        found.sort(key=lambda need: _Line(need, 0, runs_out_on=days[need.key]).urgency)
        moves, found = transfers_first.proposed(session, found)
    lines = [_Line(one.need, one.quantity, one.origin, days[one.need.key]) for one in moves]
    lines += [_Line(one, one.decision.quantity, runs_out_on=days[one.key]) for one in found]
    if seller is not None:
        lines = [one for one in lines if one.need.offer and one.need.offer.supplier == seller]
    return sorted(lines, key=lambda line: line.urgency), horizon


def _page(
    lines: Sequence[_Line], limit: int | None, after: str | None
) -> tuple[Sequence[_Line], str | None]:
    """Return the lines behind the cursor, and the next one. The cursor says where in the order of
    urgency it stands, so that it holds although lines have gone since."""
    if after is not None:
        beyond = _parsed(after)
        lines = [line for line in lines if line.urgency > beyond]
    if limit is None:
        return lines, None
    text.quantity(limit, what="limit", minimum=1, maximum=MOST)
    if len(lines) <= limit:
        return lines, None
    waits, day, sku, code, origin = lines[limit - 1].urgency
    return lines[:limit], f"{waits}={day}={code}={origin}={sku}"


def _parsed(cursor: str) -> tuple[int, int, str, str, str]:
    parts = text.line(cursor, what="cursor", maximum=300).split("=", 4)
    if len(parts) != 5 or parts[0] not in ("0", "1") or not parts[1].isdecimal():
        raise InvalidInput("the cursor is not one that this list gave out")
    waits, day, code, origin, sku = parts
    return int(waits), int(day), text.key(sku), code, origin


def _move(session: Session, lines: Iterable[_Line]) -> list[_Line]:
    """Draft the transfers among these lines; return all lines, with the numbers of theirs."""
    done = list(lines)
    routes: dict[tuple[str, str], list[int]] = {}
    for place, line in enumerate(done):
        if line.origin and line.quantity:
            routes.setdefault((line.origin, line.need.at.warehouse), []).append(place)
    for (origin, target), places in sorted(routes.items()):
        row = transfers.create(
            session,
            lines=[(done[place].need.at.sku, done[place].quantity) for place in places],
            origin=origin,
            target=target,
            note=NOTE,
        )
        for place in places:
            number = documents.row_id("TR", row.transfer)
            done[place] = replace(done[place], transfer_id=number)
    return done


def _buy(session: Session, lines: list[_Line], written: Ordered) -> list[_Line]:
    """Draft the orders among these lines; return all lines, with the numbers of theirs."""
    done = list(lines)
    baskets: dict[tuple[str, str], list[int]] = {}
    for place, line in enumerate(done):
        if not line.origin and line.quantity and (offer := line.need.offer):
            baskets.setdefault((offer.supplier, line.need.at.warehouse), []).append(place)
    for (supplier, warehouse), places in sorted(baskets.items()):
        row = orders.create(
            session,
            supplier=supplier,
            warehouse=warehouse,
            lines=[(done[place].need.at.sku, done[place].quantity) for place in places],
            note=NOTE,
        )
        written.notes += [f"{row.order}: {said}" for said in row.warnings]
        for place in places:
            done[place] = replace(done[place], order_id=documents.row_id("PO", row.order))
    return done


def _drafted(line: _Line) -> Drafted:
    return Drafted(line.need, line.quantity, line.order_id, line.transfer_id)


def _left(lines: Sequence[_Line]) -> list[str]:
    """Return, as sentences, what was not drafted and why."""
    notes = []
    unsold = [line.need.at.sku for line in lines if not line.origin and not line.need.offer]
    if unsold:
        notes.append(
            f"nobody sells {_listed(unsold)}; "
            f"set terms: bvinv purchase supplier terms SUPPLIER {unsold[0]} --cost 5.66"
        )
    blocked = [line.need.at.sku for line in lines if not line.quantity and line.need.offer]
    if blocked:
        notes.append(f"not ordered, blocked by max_stock: {_listed(blocked)}")
    return notes


def _listed(skus: Sequence[str]) -> str:
    once = list(dict.fromkeys(skus))
    more = f" and {len(once) - _NAMED} more" if len(once) > _NAMED else ""
    return ", ".join(once[:_NAMED]) + more


def _row(line: _Line, horizon: Horizon) -> ReorderRow:
    need, at = line.need, line.need.at
    earliest = None
    if line.runs_out_on is not None:
        earliest = horizon.runs_out_on(at, run_outs.EARLIEST)
    more: dict[str, Any] = {"transfer_from": line.origin} if line.origin else _terms(need)
    reason = f"{need.cause}; {line.origin} has too many" if line.origin else need.reason
    return ReorderRow(
        sku=at.sku,
        warehouse=at.warehouse,
        available=at.available,
        inventory_position=at.position,
        reorder_point=need.reorder_point,
        order_up_to=need.order_up_to,
        suggested_quantity=line.quantity,
        supplier=more.pop("supplier", None),
        lead_time_days=more.pop("lead_time_days", None),
        reason=reason,
        runs_out_on=line.runs_out_on,
        runs_out_earliest_on=earliest,
        order=documents.number("PO", line.order_id) if line.order_id else None,
        transfer=documents.number("TR", line.transfer_id) if line.transfer_id else None,
        **more,
    )


def _terms(need: Need) -> dict[str, Any]:
    """Return whom it is ordered from and on which terms; the lead time is the one that the
    forecast reckons with, where it is that supplier's."""
    offer, at = need.offer, need.at
    if offer is None:
        return {}
    lead_time = offer.lead_time_days
    if at.lead_time_days is not None and at.forecast_supplier == offer.supplier_id:
        lead_time = at.lead_time_days
    return {
        "supplier": offer.supplier,
        "lead_time_days": lead_time,
        "pack_size": offer.pack_size,
        "minimum_quantity": offer.minimum_quantity,
        "cost": None if offer.cost is None else money.display(offer.cost, offer.currency),
        "currency": offer.currency,
    }
