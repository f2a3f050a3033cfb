"""What becomes of goods in transit: they arrive, come back, or are named lost."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from bvinv.core import holds, items, levels, lots, text, warehouses
from bvinv.core.db import Session, Sql
from bvinv.core.errors import Conflict, InvalidInput, NotFound
from bvinv.core.ledger import TRANSIT, Level, Place, Posting, posting
from bvinv.core.models.transfer import TransferRow, TransferScanRow
from bvinv.core.models.warehouse import DOCK
from bvinv.core.transfers import transfer_rows

_CHANGE = Sql("""
    UPDATE transfer_line
       SET shipped = shipped + :shipped, received = received + :received, lost = lost + :lost
         , returned = returned + :returned
     WHERE transfer_id = :transfer_id AND level_id = :level_id AND lot = :lot
""")
_SKUS = Sql("SELECT sku FROM product WHERE id IN :products ORDER BY sku_key")


class _Part(NamedTuple):
    """Pieces of one line."""

    line: Any
    quantity: int


def change(
    line: Any, *, shipped: int = 0, received: int = 0, lost: int = 0, returned: int = 0
) -> dict[str, Any]:
    """Return the change of one line, in pieces, for `apply`."""
    return {
        "transfer_id": line.transfer_id,
        "level_id": line.level_id,
        "lot": line.lot,
        "shipped": shipped,
        "received": received,
        "lost": lost,
        "returned": returned,
    }


def apply(session: Session, changes: Sequence[dict[str, Any]]) -> None:
    """Write these changes of lines. Raises Conflict when a line vanished although its transfer is
    locked, which only a second program could do."""
    if session.send(_CHANGE, changes) != len(changes):
        raise Conflict("a line of the transfer is not there any more", hint="try again")


def receive(
    session: Session,
    *,
    transfer: str,
    lines: Sequence[tuple[str, int]] = (),
    bin: str | None = None,
    lot: str | None = None,
    occurred_at: int | None = None,
) -> TransferRow:
    """Take in what arrives of a transfer, all that is in transit where no lines are given.

    Goods go to the dock unless a bin of the receiving warehouse is named; of several lots the one
    that expires first counts as arrived first, unless the `lot` is named. When nothing is in
    transit any more the transfer is closed. Raises NotFound, InvalidInput, and Conflict when it is
    not on its way, or when more arrives than is in transit.
    """
    found = _on_its_way(session, transfer)
    wanted = _wanted(session, lines)
    _arrive(session, found, wanted, bin, lot, occurred_at)
    return transfer_rows.show(session, transfer=str(found.id))


def arrive(
    session: Session,
    *,
    transfer: str,
    ref: str,
    quantity: int,
    bin: str | None = None,
    lot: str | None = None,
) -> TransferScanRow:
    """Take in pieces of one product, as `receive` does; return what a scan wants to say of it."""
    found = _on_its_way(session, transfer)
    wanted = _wanted(session, [(ref, quantity)])
    [(product, pieces)] = wanted.items()
    level, level_seq, place, left = _arrive(session, found, wanted, bin, lot, None)
    own = transfer_rows.lines(session, [found.id], [product])
    return TransferScanRow(
        transfer=transfer_rows.number(found.id),
        sku=level.sku,
        warehouse=level.warehouse,
        quantity=pieces,
        bin=place.code,
        asked=sum(line.quantity for line in own),
        shipped=sum(line.shipped for line in own),
        received=sum(line.received for line in own),
        in_transit=sum(line.in_transit for line in own),
        left=left,
        level_id=level.id,
        level_seq=level_seq,
    )


def close(
    session: Session,
    *,
    transfer: str,
    lost: Sequence[tuple[str, int]] = (),
    returned: Sequence[tuple[str, int]] = (),
    rest: str | None = None,
    bin: str | None = None,
    occurred_at: int | None = None,
) -> TransferRow:
    """End a transfer: what is still in transit is named lost, or comes back to the sender.

    Everything has to be named; `rest` (lost or returned) says what the pieces are that are not.
    What is returned goes to the sender's dock, unless a bin is named. Raises NotFound,
    InvalidInput, and Conflict when it is not on its way or when something is left unnamed.
    """
    if rest not in (None, "lost", "returned"):
        raise InvalidInput(f"the rest is lost or returned, not {text.quoted(rest)}")
    found = _on_its_way(session, transfer)
    ends = {"lost": _wanted(session, lost), "returned": _wanted(session, returned)}
    own = transfer_rows.lines(session, [found.id])
    _name_all(session, found, own, ends, rest)
    start, _ = transfer_rows.ends(session, found)
    place = warehouses.place(session, start, bin if bin is not None else DOCK)
    moving = {line.product_id for line in own if line.in_transit}
    locked = levels.lock(session, moving, {found.from_id, found.to_id})
    levels.load_places(
        session, [level for level in locked.values() if level.warehouse_id == start.id]
    )
    order = _order(session, own)
    gone = _shares(order, ends["lost"])
    taken = {(part.line.level_id, part.line.lot): part.quantity for part in gone}
    back = _shares(order, ends["returned"], taken)
    number = transfer_rows.number(found.id)
    with posting(session) as current:
        for line, pieces in gone + back:
            current.transit(locked[line.product_id, found.to_id], -pieces)
        for line, pieces in back:
            current.post(
                locked[line.product_id, found.from_id],
                "send-back",
                pieces,
                origin=TRANSIT,
                target=place._replace(lot=line.lot),
                document=number,
                occurred_at=occurred_at,
            )
        for product in {line.product_id for line, _ in back}:
            holds.fill(session, current, locked[product, found.from_id])
        apply(
            session,
            [
                *(change(line, lost=pieces) for line, pieces in gone),
                *(change(line, returned=pieces) for line, pieces in back),
            ],
        )
        transfer_rows.settle(session, found)
        told = {"lost": _told(gone), "returned": _told(back), "bin": place.code if back else ""}
        current.tell("transfer.closed", number, told)
    return transfer_rows.show(session, transfer=str(found.id))


def _on_its_way(session: Session, transfer: str) -> Any:
    """Return a transfer that was shipped and is not closed, locked."""
    found = transfer_rows.locked(session, transfer)
    if found.status in ("shipped", "partly-received"):
        return found
    number = transfer_rows.number(found.id)
    is_draft = found.status == "draft"
    raise Conflict(
        f"nothing of {number} is in transit: it is {'a draft' if is_draft else found.status}",
        hint=f"bvinv transfer {'ship' if is_draft else 'show'} {number}",
        transfer=number,
        state=found.status,
    )


def _wanted(session: Session, lines: Sequence[tuple[str, int]]) -> dict[int, int]:
    """Return the pieces of each product; equal lines, and packs with pieces, count together."""
    named = items.named(session, [ref for ref, _ in lines]) if lines else {}
    wanted: dict[int, int] = {}
    for ref, quantity in lines:
        item = named[ref]
        pieces = item.pieces(text.quantity(quantity))
        wanted[item.id] = wanted.get(item.id, 0) + pieces
    return wanted


def _arrive(
    session: Session,
    found: Any,
    wanted: Mapping[int, int],
    bin: str | None,
    lot: str | None,
    occurred_at: int | None,
) -> tuple[Level, int, Place, int]:
    """Post what arrives; return a level, its last arrival, the bin, and what is still to come."""
    _, end = transfer_rows.ends(session, found)
    place = warehouses.place(session, end, bin if bin is not None else DOCK)
    own = transfer_rows.lines(session, [found.id], wanted)
    _refuse_strangers(session, found, own, wanted)
    skus = {line.product_id: line.sku for line in own}
    if lot is not None:
        own = [line for line in own if line.lot == (lots.code(lot) if lot else "")]
    asked = wanted or _in_transit(own)
    _refuse_more(found, own, asked, skus)
    if not asked:
        raise Conflict(f"no such lot is in transit on {transfer_rows.number(found.id)}", lot=lot)
    locked = levels.lock(session, asked, {found.to_id})
    levels.load_places(session, locked.values())
    parts = _shares(_order(session, own), asked)
    with posting(session) as current:
        for line, pieces in parts:
            goal = locked[line.product_id, found.to_id]
            _post(current, goal, place._replace(lot=line.lot), pieces, found, occurred_at)
        level = next(iter(locked.values()))
        level_seq = level.head_seq
        for goal in locked.values():
            holds.fill(session, current, goal)
        apply(session, [change(line, received=pieces) for line, pieces in parts])
        left = transfer_rows.settle(session, found)
        told = {"lines": _told(parts), "bin": place.code, "left": left}
        current.tell("transfer.received", transfer_rows.number(found.id), told)
    return level, level_seq, place, left


def _post(
    current: Posting, level: Level, place: Place, pieces: int, found: Any, at: int | None
) -> None:
    current.transit(level, -pieces)
    current.post(
        level,
        "arrive",
        pieces,
        origin=TRANSIT,
        target=place,
        document=transfer_rows.number(found.id),
        occurred_at=at,
    )


def _in_transit(own: Iterable[Any]) -> dict[int, int]:
    found: dict[int, int] = {}
    for line in own:
        if line.in_transit:
            found[line.product_id] = found.get(line.product_id, 0) + line.in_transit
    return found


def _refuse_strangers(
    session: Session, found: Any, own: Sequence[Any], wanted: Mapping[int, int]
) -> None:
    strangers = wanted.keys() - {line.product_id for line in own}
    if strangers:
        skus = [row.sku for row in session.ask(_SKUS, products=sorted(strangers))]
        number = transfer_rows.number(found.id)
        raise NotFound(
            f"{', '.join(skus)} {'is' if len(skus) == 1 else 'are'} not on {number}",
            hint=f"see: bvinv transfer show {number}",
            transfer=number,
            sku=skus[0],
        )


def _refuse_more(
    found: Any, own: Sequence[Any], wanted: Mapping[int, int], skus: Mapping[int, str]
) -> None:
    """Raise Conflict with every product of which more is named than is in transit."""
    moving = _in_transit(own)
    number = transfer_rows.number(found.id)
    errors = []
    for product, quantity in wanted.items():
        if quantity <= moving.get(product, 0):
            continue
        sums = {
            name: sum(getattr(line, name) for line in own if line.product_id == product)
            for name in ("shipped", "received", "lost", "returned", "in_transit")
        }
        history = ", ".join(
            f"{sums[name]} {name}"
            for name in ("shipped", "received", "lost", "returned")
            if sums[name] or name in ("shipped", "received")
        )
        detail = (
            f"only {sums['in_transit']} of {skus[product]} are in transit on {number}, "
            f"{quantity} named: {history}"
        )
        errors.append({"sku": skus[product], "wanted": quantity, **sums, "detail": detail})
        if len(errors) == 100:
            break
    if errors:
        several = f"{len(errors)} lines name more than is in transit on {number}"
        raise Conflict(
            str(errors[0]["detail"]) if len(errors) == 1 else several,
            hint=f"see: bvinv transfer show {number}",
            errors=errors if len(errors) > 1 else None,
            **{name: value for name, value in errors[0].items() if name != "detail"},
        )


def _name_all(
    session: Session,
    found: Any,
    own: Sequence[Any],
    ends: Mapping[str, dict[int, int]],
    rest: str | None,
) -> None:
    """Give the rest its name. Raises Conflict when too much is named, or not all of it."""
    named = {
        product: ends["lost"].get(product, 0) + ends["returned"].get(product, 0)
        for product in {**ends["lost"], **ends["returned"]}
    }
    _refuse_strangers(session, found, own, named)
    skus = {line.product_id: line.sku for line in own}
    _refuse_more(found, own, named, skus)
    left = {
        product: pieces - named.get(product, 0)
        for product, pieces in _in_transit(own).items()
        if pieces > named.get(product, 0)
    }
    if rest:
        for product, pieces in left.items():
            ends[rest][product] = ends[rest].get(product, 0) + pieces
        return
    if left:
        errors = [
            {"sku": skus[product], "in_transit": pieces, "detail": f"{pieces} of {skus[product]}"}
            for product, pieces in left.items()
        ]
        number = transfer_rows.number(found.id)
        raise Conflict(
            f"{sum(left.values())} pieces of {number} would be in transit for ever: say what "
            f"became of {', '.join(str(one['detail']) for one in errors[:5])}",
            hint="name them: --lost SKU=QTY, --returned SKU=QTY, or all at once: --rest lost",
            errors=errors if len(errors) > 5 else None,
            transfer=number,
            in_transit=sum(left.values()),
        )


def _order(session: Session, own: Sequence[Any]) -> list[Any]:
    """Return the lines that are in transit, of each product the lot first that expires first."""
    moving = [line for line in own if line.in_transit]
    by_lot = sorted({line.to_level_id for line in moving if line.lot})
    days = {}
    if by_lot:
        days = {(row.level_id, row.lot): row.expires_on for row in lots.expiries(session, by_lot)}

    def rank(line: Any) -> tuple[float, str]:
        day = days.get((line.to_level_id, line.lot))
        return float("inf") if day is None else day, line.lot

    return sorted(moving, key=rank)


def _shares(
    order: Iterable[Any],
    wanted: Mapping[int, int],
    taken: Mapping[tuple[int, str], int] | None = None,
) -> list[_Part]:
    """Return which lines give these pieces of each product, less what is `taken` of them."""
    left = dict(wanted)
    parts = []
    for line in order:
        there = line.in_transit - (taken or {}).get((line.level_id, line.lot), 0)
        part = min(there, left.get(line.product_id, 0))
        if part > 0:
            left[line.product_id] -= part
            parts.append(_Part(line, part))
    return parts


def _told(parts: Iterable[_Part]) -> list[list[Any]]:
    return [[line.sku, *([line.lot] if line.lot else []), pieces] for line, pieces in parts]
