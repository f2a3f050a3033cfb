"""Stock: what there is, what may be promised, and the commands that change it by hand."""

from typing import Any

from bvinv.core import command_log, holds, items, levels, text, warehouses
from bvinv.core.command_log import Tale
from bvinv.core.db import Session, Sql
from bvinv.core.errors import Conflict, InsufficientStock, InvalidInput
from bvinv.core.items import Item
from bvinv.core.ledger import ADJUSTMENT, SUPPLIER, Level, Place, Posting, posting
from bvinv.core.levels import Site
from bvinv.core.models.reservation import OPEN
from bvinv.core.models.stock import LevelRow
from bvinv.core.models.warehouse import DOCK, SHELF

# A hold whose time has run out counts as released, whether or not the sweep has been there.
_SHOWN = f"""
    SELECT p.sku, w.code AS warehouse, l.on_hand, l.unsellable, l.in_transit, l.reserved
         - (SELECT coalesce(sum(r.held), 0) FROM reservation_line r
             WHERE r.level_id = l.id AND {OPEN} AND r.expires_at <= :now) AS reserved
         , (SELECT coalesce(sum(r.backordered), 0) FROM reservation_line r
             WHERE r.level_id = l.id AND backordered > 0 AND r.expires_at > :now) AS backordered
         , l.reorder_point, l.max_stock, l.safety_stock, l.version, l.updated_at, p.sku_key
      FROM stock_level l JOIN product p ON p.id = l.product_id
           JOIN warehouse w ON w.id = l.warehouse_id
"""
_OF_PRODUCT = Sql(f"{_SHOWN} WHERE l.product_id = :product ORDER BY w.priority, w.code")
_ONE = Sql(f"{_SHOWN} WHERE l.product_id = :product AND l.warehouse_id = :site")
_PAGE = f"""
    SELECT * FROM ({_SHOWN} WHERE {{where}}) AS shown
     WHERE {{having}} ORDER BY sku_key, warehouse LIMIT :limit
"""
_AS_OF = Sql("""
    SELECT w.code AS warehouse, coalesce(sum(m.on_hand_change), 0) AS on_hand
         , coalesce(sum(m.reserved_change), 0)
         - (SELECT coalesce(sum(r.held), 0) FROM reservation_line r
             WHERE r.level_id = l.id AND held + backordered > 0
               AND r.expires_at <= :now AND r.expires_at <= :at) AS reserved
         , coalesce(max(m.level_seq), 0) AS version, max(m.occurred_at) AS updated_at
      FROM stock_level l JOIN warehouse w ON w.id = l.warehouse_id
           LEFT JOIN movement m ON m.level_id = l.id AND m.occurred_at <= :at
     WHERE l.product_id = :product
     GROUP BY l.id, w.code, w.priority ORDER BY w.priority, w.code
""")

SETTINGS = ("reorder_point", "max_stock", "safety_stock")
_CONFIGURE = Sql("""
    UPDATE stock_level
       SET reorder_point = :reorder_point, max_stock = :max_stock, safety_stock = :safety_stock
         , version = version + 1, updated_at = :now
     WHERE id = :level
""")


def show(
    session: Session, *, ref: str, warehouse: str | None = None, as_of: int | None = None
) -> list[LevelRow]:
    """Return the product's levels, one a warehouse; with `warehouse` exactly that one.

    `as_of` (an instant) answers from the ledger what had happened by then, as far as is known
    today. Raises NotFound for the product or the warehouse.
    """
    item = items.one(session, ref)
    site = warehouses.site(session, warehouse) if warehouse is not None else None
    if as_of is not None:
        rows = _as_of(session, item, as_of)
        if site:
            rows = [row for row in rows if row.warehouse == site.code]
    elif site:
        rows = level_rows(session, [(item, site)])
    else:
        rows = _rows(session, _OF_PRODUCT, product=item.id)
    if site and not rows:
        return [_nothing(item, site)]
    return rows


def level_rows(session: Session, pairs: list[tuple[Item, Site]]) -> list[LevelRow]:
    """Return these levels as they stand in this transaction, where they exist."""
    return [
        row for item, site in pairs for row in _rows(session, _ONE, product=item.id, site=site.id)
    ]


def page(
    session: Session,
    *,
    warehouse: str | None = None,
    low: bool = False,
    below_reorder_point: bool = False,
    limit: int = 100,
    after: str | None = None,
) -> tuple[list[LevelRow], str | None]:
    """Return a page of levels by SKU and warehouse, and the cursor of the next.

    `low`: no more available than the safety stock. `below_reorder_point`: the inventory position
    (available + in transit) is under the reorder point. Raises InvalidInput, NotFound.
    """
    text.quantity(limit, what="limit", minimum=1, maximum=100_000)
    where, having = ["1 = 1"], ["1 = 1"]
    values: dict[str, Any] = {"limit": limit + 1}
    if warehouse is not None:
        where.append("l.warehouse_id = :site")
        values["site"] = warehouses.site(session, warehouse).id
    if after is not None:
        sku, separator, code = after.partition("=")
        if not separator:
            raise InvalidInput("the cursor is not one that this list gave out")
        where.append("(p.sku_key, w.code) > (:sku, :code)")
        values |= {"sku": text.key(text.code(sku, what="cursor"))}
        values |= {"code": text.code(code, what="cursor")}
    position = "on_hand - reserved - backordered"
    if low:
        having.append(f"{position} <= coalesce(safety_stock, 0)")
    if below_reorder_point:
        having.append(f"{position} + in_transit < reorder_point")
    statement = Sql(_PAGE.format(where=" AND ".join(where), having=" AND ".join(having)))
    rows = _rows(session, statement, **values)
    if len(rows) <= limit:
        return rows, None
    last = rows[limit - 1]
    return rows[:limit], f"{last.sku}={last.warehouse}"


def adjust(
    session: Session,
    *,
    ref: str,
    warehouse: str,
    reason: str,
    change: int | None = None,
    to: int | None = None,
    expect: int | None = None,
    bin: str | None = None,
    note: str = "",
    break_newest: bool = False,
    occurred_at: int | None = None,
) -> LevelRow:
    """Change what is on hand by `change` pieces, or `to` a count where `expect` pieces stood.

    Both are about the bin, if one is named. Below what is reserved it is refused with the holders
    named, unless `break_newest` turns the newest holds into backorders. Raises NotFound,
    InvalidInput, Conflict (another count than expected), InsufficientStock.
    """
    reason = checked_reason(reason)
    note = text.line(note, what="note") if note else ""
    item = items.one(session, ref)
    site = warehouses.site(session, warehouse)
    place = warehouses.place(session, site, bin) if bin is not None else None
    [level] = levels.create(session, [(item, site)]).values()
    levels.load_places(session, [level])
    by = _difference(level, place, change, to, expect)
    if not by:
        return _one(session, item, site)
    with posting(session) as current:
        if by > 0:
            target = place or warehouses.place(session, site, SHELF)
            current.post(
                level,
                "adjust",
                by,
                origin=ADJUSTMENT,
                target=target,
                reason=reason,
                occurred_at=occurred_at,
            )
            holds.fill(session, current, level)
        else:
            parts = giving(level, place, -by)
            if place is None or place.sellable:
                make_room(session, current, level, -by, break_newest=break_newest)
            for origin, part in parts:
                current.post(
                    level,
                    "adjust",
                    part,
                    origin=origin,
                    target=ADJUSTMENT,
                    reason=reason,
                    occurred_at=occurred_at,
                )
            holds.fill(session, current, level)
        told = {"warehouse": site.code, "change": by, "reason": reason, "note": note}
        current.tell("stock.adjusted", item.sku, told)
    return _one(session, item, site)


def receive(
    session: Session,
    *,
    ref: str,
    quantity: int,
    warehouse: str,
    bin: str | None = None,
    supplier: str = "",
    document: str = "",
    occurred_at: int | None = None,
) -> LevelRow:
    """Take goods in, at the dock unless a bin is named; backorders get theirs first, the oldest
    before the others. Raises NotFound, InvalidInput."""
    text.quantity(quantity)
    document = text.code(document, what="document", maximum=128) if document else ""
    supplier = text.line(supplier, what="supplier", maximum=200) if supplier else ""
    item = items.one(session, ref)
    site = warehouses.site(session, warehouse)
    target = warehouses.place(session, site, bin if bin is not None else DOCK)
    [level] = levels.create(session, [(item, site)]).values()
    levels.load_places(session, [level])
    with posting(session) as current:
        current.post(
            level,
            "receive",
            quantity,
            origin=SUPPLIER,
            target=target,
            document=document,
            occurred_at=occurred_at,
        )
        holds.fill(session, current, level)
        told = {
            "warehouse": site.code,
            "quantity": quantity,
            "bin": target.code,
            "supplier": supplier,
            "document": document,
        }
        current.tell("stock.received", item.sku, told)
    return _one(session, item, site)


def put_away(
    session: Session,
    *,
    ref: str,
    quantity: int,
    warehouse: str,
    origin: str = DOCK,
    target: str,
) -> LevelRow:
    """Move pieces from one bin of a warehouse to another.

    Into quarantine or damage they stop being on hand, so that is refused below what is reserved.
    Raises NotFound, InvalidInput, InsufficientStock.
    """
    text.quantity(quantity)
    item = items.one(session, ref)
    site = warehouses.site(session, warehouse)
    source = warehouses.place(session, site, origin)
    goal = warehouses.place(session, site, target)
    if source == goal:
        raise InvalidInput(f"the goods lie in {goal.code} already", bin=goal.code)
    [level] = levels.create(session, [(item, site)]).values()
    levels.load_places(session, [level])
    [(source, _)] = giving(level, source, quantity)
    with posting(session) as current:
        if source.sellable and not goal.sellable:
            make_room(session, current, level, quantity, break_newest=False)
        current.post(level, "move", quantity, origin=source, target=goal)
        holds.fill(session, current, level)
        told = {"warehouse": site.code, "quantity": quantity, "from": source.code, "to": goal.code}
        current.tell("stock.moved", item.sku, told)
    return _one(session, item, site)


def configure(
    session: Session, *, ref: str, warehouse: str, settings: dict[str, int | None]
) -> LevelRow:
    """Set `reorder_point`, `max_stock` and `safety_stock`, in pieces; None takes one away.

    Raises NotFound, and InvalidInput when the reorder point would lie above the maximum.
    """
    if not settings:
        raise InvalidInput("nothing to set", hint="for example: --reorder-point 10")
    for name, value in settings.items():
        if value is not None:
            text.quantity(value, what=name.replace("_", " "), minimum=0)
    item = items.one(session, ref)
    site = warehouses.site(session, warehouse)
    [level] = levels.create(session, [(item, site)]).values()
    before = _one(session, item, site)
    after = before.model_copy(update=settings)
    if None not in (after.reorder_point, after.max_stock) and (
        (after.reorder_point or 0) > (after.max_stock or 0)
    ):
        raise InvalidInput(
            f"a reorder point of {after.reorder_point} lies above the maximum {after.max_stock}"
        )
    if before == after:
        return before
    values = {name: getattr(after, name) for name in SETTINGS}
    session.send(_CONFIGURE, [{"level": level.id, **values, "now": session.now}])
    told = {"warehouse": site.code, **settings}
    command_log.tell(session, [Tale("stock.configured", item.sku, told, session.command)])
    return _one(session, item, site)


def checked_reason(reason: str) -> str:
    """Return a reason code, lower case. Raises InvalidInput: an adjustment needs one."""
    if not reason.strip():
        raise InvalidInput(
            "an adjustment needs a reason", hint="for example: --reason damaged, found, miscount"
        )
    return text.code(reason, what="reason", maximum=32).lower()


def make_room(
    session: Session, current: Posting, level: Level, quantity: int, *, break_newest: bool
) -> None:
    """See to it that this many pieces may leave although others are reserved.

    Raises InsufficientStock, naming the holders, unless their newest holds may be broken.
    """
    if level.lapsed:
        holds.lapse(session, current, level)
    short = quantity - (level.on_hand - level.reserved)
    if short <= 0:
        return
    if not break_newest:
        raise too_little(session, level, quantity, free=level.on_hand - level.reserved)
    holds.break_newest(session, current, level, short)


def too_little(session: Session, level: Level, wanted: int, *, free: int) -> InsufficientStock:
    """Return the refusal for one level, with who holds the rest."""
    held = holds.holders(session, level)
    who = ", ".join(f"{line.reservation_id} ({line.held})" for line in held[:5])
    more = f" and {len(held) - 5} more" if len(held) > 5 else ""
    return InsufficientStock(
        f"only {free} of {level.sku} can leave {level.warehouse}, {wanted} wanted"
        + (f"; held by {who}{more}" if who else ""),
        hint="release a hold, or use --break newest" if who else None,
        sku=level.sku,
        warehouse=level.warehouse,
        wanted=wanted,
        available=free,
        holders=[{"reservation_id": line.reservation_id, "held": line.held} for line in held[:50]],
    )


def giving(level: Level, place: Place | None, quantity: int) -> list[tuple[Place, int]]:
    """Return which bins give. Raises InsufficientStock when they hold less."""
    lying = level.on_hand if place is None else level.places.get(place, 0)
    if lying < quantity:
        where = level.warehouse if place is None else f"{place.code} at {level.warehouse}"
        raise InsufficientStock(
            f"only {lying} of {level.sku} lie in {where}, {quantity} wanted",
            hint=f"see: bvinv stock why {level.sku} --warehouse {level.warehouse}",
            sku=level.sku,
            warehouse=level.warehouse,
            wanted=quantity,
            available=lying,
        )
    return [(place, quantity)] if place else levels.take(level, quantity)


def _difference(
    level: Level, place: Place | None, change: int | None, to: int | None, expect: int | None
) -> int:
    if (change is None and to is None) or (change is not None and to is not None):
        raise InvalidInput(
            "say either the change or the count", hint="--change -2, or --to 8 --expect 10"
        )
    if change is not None:
        if not text.quantity(change, what="change", minimum=-(10**9)):
            raise InvalidInput("a change of 0 changes nothing", hint="--change +3 or --change -3")
        return change
    assert to is not None
    if expect is None:
        raise InvalidInput(
            "a count needs the number that stood there before",
            hint="--to 8 --expect 10: so two people who count at once do not add up their errors",
        )
    text.quantity(to, what="count", minimum=0)
    text.quantity(expect, what="expected count", minimum=0)
    stands = level.on_hand if place is None else level.places.get(place, 0)
    if stands != expect:
        where = level.warehouse if place is None else f"{place.code} at {level.warehouse}"
        raise Conflict(
            f"{stands} of {level.sku} stand in {where}, not {expect}",
            hint="count again, then repeat with the new number",
            expected=expect,
            on_hand=stands,
        )
    return to - expect


def _one(session: Session, item: Item, site: Site) -> LevelRow:
    [row] = level_rows(session, [(item, site)])
    return row


def _rows(session: Session, statement: Any, **values: Any) -> list[LevelRow]:
    return [_row(row) for row in session.ask(statement, now=session.now, **values)]


def _row(row: Any) -> LevelRow:
    return LevelRow(
        sku=row.sku,
        warehouse=row.warehouse,
        on_hand=row.on_hand,
        reserved=row.reserved,
        available=row.on_hand - row.reserved - row.backordered,
        backordered=row.backordered,
        in_transit=row.in_transit,
        on_order=0,
        reorder_point=row.reorder_point,
        max_stock=row.max_stock,
        safety_stock=row.safety_stock,
        version=row.version,
        updated_at=row.updated_at,
        unsellable=row.unsellable,
    )


def _nothing(item: Item, site: Site) -> LevelRow:
    return LevelRow(
        sku=item.sku,
        warehouse=site.code,
        on_hand=0,
        reserved=0,
        available=0,
        backordered=0,
        in_transit=0,
        on_order=0,
        reorder_point=None,
        max_stock=None,
        safety_stock=None,
        version=0,
        updated_at=None,
    )


def _as_of(session: Session, item: Item, at: int) -> list[LevelRow]:
    return [
        LevelRow(
            sku=item.sku,
            warehouse=row.warehouse,
            on_hand=row.on_hand,
            reserved=row.reserved,
            available=row.on_hand - row.reserved,
            backordered=None,
            in_transit=None,
            on_order=None,
            reorder_point=None,
            max_stock=None,
            safety_stock=None,
            version=row.version,
            updated_at=row.updated_at,
            unsellable=None,
        )
        for row in session.ask(_AS_OF, product=item.id, at=at, now=session.now)
    ]
