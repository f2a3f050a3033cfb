"""Returns: what customers send back lies in quarantine until somebody decided on each piece."""

from typing import Any

from bvinv.core import (
    command_log,
    documents,
    holds,
    items,
    levels,
    lots,
    promises,
    reasons,
    text,
    warehouses,
)
from bvinv.core.db import Session, Sql
from bvinv.core.errors import Conflict, InsufficientStock, InvalidInput
from bvinv.core.items import Item
from bvinv.core.ledger import ADJUSTMENT, CUSTOMER, SUPPLIER, Level, Place, posting
from bvinv.core.levels import Site
from bvinv.core.models.base import MOST
from bvinv.core.models.customer_return import ReturnRow
from bvinv.core.models.warehouse import SHELF

_BACK = Sql("""
    SELECT (SELECT coalesce(sum(l.committed), 0)
              FROM reservation_line AS l JOIN stock_level AS s ON s.id = l.level_id
             WHERE l.reservation_id = :id AND s.product_id = :product) AS shipped
         , (SELECT coalesce(sum(r.quantity), 0)
              FROM customer_return AS r JOIN stock_level AS s ON s.id = r.level_id
             WHERE r.reservation_id = :id AND s.product_id = :product) AS returned
""")
_ADD = Sql.insert(
    "customer_return",
    "reservation_id",
    "level_id",
    "bin_id",
    "lot",
    "quantity",
    "reason",
    "restocked",
    "damaged",
    "scrapped",
    "sent_back",
    "command_id",
    "created_at",
    "updated_at",
    after="RETURNING id",
)
_LOCK = Sql(
    """
    SELECT quantity - restocked - damaged - scrapped - sent_back AS undecided
      FROM customer_return WHERE id = :id
    """,
    lock="FOR UPDATE",
)
_DECIDE = Sql("""
    UPDATE customer_return
       SET restocked = restocked + :restocked, damaged = damaged + :damaged
         , scrapped = scrapped + :scrapped, sent_back = sent_back + :sent_back, updated_at = :now
     WHERE id = :id
""")
_SHOWN = """
    SELECT r.id, p.id AS product_id, p.sku, w.id AS warehouse_id, w.code AS warehouse, w.priority
         , r.quantity, r.reason, r.reservation_id, r.lot, b.code AS bin
         , r.quantity - r.restocked - r.damaged - r.scrapped - r.sent_back AS undecided
         , r.restocked, r.damaged, r.scrapped, r.sent_back, r.created_at, r.updated_at
      FROM customer_return AS r JOIN stock_level AS l ON l.id = r.level_id
           JOIN product AS p ON p.id = l.product_id JOIN warehouse AS w ON w.id = l.warehouse_id
           JOIN bin AS b ON b.id = r.bin_id
"""
_ONE = Sql(f"{_SHOWN} WHERE r.id = :id")
_PAGE = f"{_SHOWN} WHERE {{where}} ORDER BY r.id DESC LIMIT :limit"
_SEE = "bvinv returns list"


def receive(
    session: Session,
    *,
    ref: str,
    quantity: int,
    warehouse: str,
    reason: str,
    reservation_id: str | None = None,
    lot: str = "",
) -> ReturnRow:
    """Take pieces in that a customer sent back: to quarantine, so that nobody is promised them.

    With a reservation no more than it shipped and has not got back. Raises NotFound, InvalidInput,
    Conflict with the numbers.
    """
    reason = reasons.checked(session, reason)
    item = items.one(session, ref)
    pieces = item.pieces(text.quantity(quantity))
    site = warehouses.site(session, warehouse)
    if reservation_id is not None:
        # Locked, so that of two who take back the same pieces at once one is refused.
        reservation_id = promises.known(session, reservation_id).id
        _refuse_more_than_shipped(session, reservation_id, item, pieces)
    place = warehouses.bin_of_kind(session, site, "quarantine")
    [level] = levels.create(session, [(item, site)]).values()
    levels.load_places(session, [level])
    if pieces + level.on_hand + level.unsellable > MOST:
        raise InvalidInput(f"more than {MOST} pieces of {level.sku} cannot be kept")
    place = place._replace(lot=_lot(session, level, lot))

    # From here on nothing can fail.
    command_log.record(session, session.command)
    row = {
        "reservation_id": reservation_id,
        "level_id": level.id,
        "bin_id": place.bin_id,
        "lot": place.lot,
        "quantity": pieces,
        "reason": reason,
        **dict.fromkeys(("restocked", "damaged", "scrapped", "sent_back"), 0),
        "command_id": session.command.id,
        "created_at": session.now,
        "updated_at": session.now,
    }
    [number] = session.insert(_ADD, [row])
    document = documents.number("RT", number)
    with posting(session) as current:
        current.post(
            level,
            "return",
            pieces,
            origin=CUSTOMER,
            target=place,
            reason=reason,
            document=document,
        )
        told = {"sku": item.sku, "warehouse": site.code, "quantity": pieces, "reason": reason}
        current.tell("return.received", document, told | {"reservation_id": reservation_id})
    return show(session, number=document)


def decide(
    session: Session,
    *,
    number: str,
    restock: int = 0,
    bin: str | None = None,
    damaged: int = 0,
    scrap: int = 0,
    to_supplier: int = 0,
) -> ReturnRow:
    """Decide on pieces of a return: back for sale in `bin` (SHELF), to the damaged bin, thrown
    away, or back to the supplier; several at once. Restocked pieces go to backorders first.

    Raises NotFound, InvalidInput, Conflict when fewer are undecided or the lot has expired.
    """
    wanted = {"restocked": restock, "damaged": damaged, "scrapped": scrap, "sent_back": to_supplier}
    for what, pieces in wanted.items():
        text.quantity(pieces, what=what.replace("_", " "), minimum=0)
    if not any(wanted.values()):
        raise InvalidInput(
            "say what becomes of the pieces",
            hint="--restock N, --damaged N, --scrap N or --to-supplier N",
        )
    if bin is not None and not restock:
        raise InvalidInput("only restocked pieces go to a bin", hint="--restock N --bin BIN")
    found, level = _locked(session, number, wanted)
    site = Site(found.warehouse_id, found.warehouse, found.priority)
    source = _source(session, site, found)
    shelf = _shelf(session, site, level, source, bin) if restock else source
    broken = warehouses.bin_of_kind(session, site, "damaged") if damaged else source
    _refuse_missing(level, source, sum(wanted.values()))

    # From here on nothing can fail.
    document = documents.number("RT", found.id)
    ways = (
        ("move", restock, shelf, ""),
        ("move", damaged, broken, ""),
        ("adjust", scrap, ADJUSTMENT, "scrapped"),
        ("return-out", to_supplier, SUPPLIER, "supplier-return"),
    )
    with posting(session) as current:
        level.picked[source] = level.picked.get(source, 0) - sum(wanted.values())
        for kind, pieces, target, reason in ways:
            if pieces:
                current.post(
                    level,
                    kind,
                    pieces,
                    origin=source,
                    target=target,
                    reason=reason,
                    document=document,
                )
        holds.fill(session, current, level)
        session.send(_DECIDE, [{"id": found.id, "now": session.now, **wanted}])
        told = {what: pieces for what, pieces in wanted.items() if pieces}
        current.tell("return.decided", document, told)
    return show(session, number=document)


def show(session: Session, *, number: str) -> ReturnRow:
    """Return one return. Raises NotFound, InvalidInput."""
    return _row(_found(session, documents.row_id("RT", number)))


def page(
    session: Session,
    *,
    undecided: bool = False,
    reservation_id: str | None = None,
    limit: int = 50,
    after: str | None = None,
) -> tuple[list[ReturnRow], str | None]:
    """Return a page of returns, the newest first, and the cursor of the next; with `undecided`
    those that wait for a decision. Raises InvalidInput."""
    page = documents.Page("RT", limit=limit, after=after, id="r.id")
    if undecided:
        page.only("r.quantity > r.restocked + r.damaged + r.scrapped + r.sent_back")
    if reservation_id is not None:
        page.only("r.reservation_id = :reservation", reservation=reservation_id.strip())
    found, more = page.ask(session, _PAGE)
    rows = [_row(row) for row in found]
    return rows, rows[-1].number if more else None


def _refuse_more_than_shipped(
    session: Session, reservation_id: str, item: Item, pieces: int
) -> None:
    [sums] = session.ask(_BACK, id=reservation_id, product=item.id)
    left = int(sums.shipped) - int(sums.returned)
    if pieces > left:
        back = f", {sums.returned} came back already" if sums.returned else ""
        raise Conflict(
            f"reservation {reservation_id} shipped {sums.shipped} of {item.sku}{back}; "
            f"{pieces} cannot come back",
            hint=f"see: bvinv reserve show {reservation_id}",
            reservation_id=reservation_id,
            sku=item.sku,
            shipped=int(sums.shipped),
            returned=int(sums.returned),
            wanted=pieces,
        )


def _lot(session: Session, level: Level, lot: str) -> str:
    """Return the lot that comes back. Raises InvalidInput, NotFound."""
    if lot:
        return lots.known(session, product_id=level.product_id, sku=level.sku, lot=lot)
    if level.tracks_lots:
        raise InvalidInput(
            f"{level.sku} is kept in lots, so the lot has to be named",
            hint="--lot, as it is printed on the goods",
            sku=level.sku,
        )
    return ""


def _locked(session: Session, number: str, wanted: dict[str, int]) -> tuple[Any, Level]:
    """Return a return and its level, both locked. Raises NotFound, Conflict."""
    row_id = documents.row_id("RT", number)
    rows = session.ask(_LOCK, id=row_id)
    if not rows:
        raise documents.unknown("RT", row_id, _SEE)
    [locked] = rows
    if sum(wanted.values()) > locked.undecided:
        raise Conflict(
            f"only {locked.undecided} of {documents.number('RT', row_id)} can be decided, "
            f"{sum(wanted.values())} wanted",
            hint=f"see: bvinv returns show {documents.number('RT', row_id)}",
            undecided=locked.undecided,
            wanted=sum(wanted.values()),
        )
    found = _found(session, row_id)
    key = (found.product_id, found.warehouse_id)
    level = levels.lock(session, {found.product_id}, {found.warehouse_id})[key]
    levels.load_places(session, [level])
    return found, level


def _source(session: Session, site: Site, found: Any) -> Place:
    return warehouses.place(session, site, found.bin)._replace(lot=found.lot)


def _shelf(session: Session, site: Site, level: Level, source: Place, bin: str | None) -> Place:
    """Return the bin that restocked pieces go to. Raises NotFound, InvalidInput, Conflict."""
    shelf = warehouses.place(session, site, bin if bin is not None else SHELF)
    if not shelf.sellable:
        raise InvalidInput(
            f"what lies in {shelf.code} is not for sale, so nothing is restocked there",
            hint="--damaged N brings pieces to the damaged bin",
            bin=shelf.code,
        )
    if source.lot in level.stale:
        raise Conflict(
            f"lot {source.lot} of {level.sku} has expired",
            hint="--scrap N or --to-supplier N",
            sku=level.sku,
            lot=source.lot,
        )
    return shelf


def _refuse_missing(level: Level, source: Place, pieces: int) -> None:
    lying = level.places.get(source, 0)
    if lying < pieces:
        raise InsufficientStock(
            f"only {lying} of {level.sku} lie in {source.code} at {level.warehouse}, "
            f"{pieces} wanted",
            sku=level.sku,
            warehouse=level.warehouse,
            wanted=pieces,
            available=lying,
        )


def _found(session: Session, row_id: int) -> Any:
    rows = session.ask(_ONE, id=row_id)
    if not rows:
        raise documents.unknown("RT", row_id, _SEE)
    return rows[0]


def _row(row: Any) -> ReturnRow:
    values = row._asdict()
    for name in ("id", "product_id", "warehouse_id", "priority"):
        values.pop(name)
    return ReturnRow(number=documents.number("RT", row.id), **values)
