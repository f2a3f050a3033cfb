"""The catalogue: products by any of their names, added, changed, listed, taken out."""

import base64
import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from bvinv.core import (
    categories,
    command_log,
    documents,
    items,
    levels,
    prices,
    product_fields,
    product_rows,
    text,
)
from bvinv.core.command_log import Tale
from bvinv.core.db import Session, Sql
from bvinv.core.errors import Conflict, InvalidInput, NotFound, VersionMoved
from bvinv.core.items import Item
from bvinv.core.models.product import ProductDetails, ProductRow
from bvinv.core.models.reservation import OPEN
from bvinv.core.replenishment import traces

_ADD = Sql.insert("product", *product_rows.ADDED, after="RETURNING id")
_STORED = Sql("SELECT * FROM product WHERE id = :id", lock="FOR NO KEY UPDATE")
_DELETE = Sql("DELETE FROM product WHERE id = :id")
_BARCODES = Sql("SELECT code, pack_quantity FROM barcode WHERE product_id = :product_id")
_ADD_BARCODE = Sql.insert("barcode", "code", "product_id", "pack_quantity")
_DROP_BARCODES = Sql("DELETE FROM barcode WHERE product_id = :product_id")
_LEVELS = Sql("""
    SELECT count(*) AS levels, coalesce(sum(on_hand + unsellable + in_transit), 0) AS pieces
      FROM stock_level WHERE product_id = :id
""")
_PROMISE = Sql(f"""
    SELECT l.id FROM reservation_line AS r JOIN stock_level AS l ON l.id = r.level_id
     WHERE l.product_id = :id AND {OPEN} AND r.expires_at > :now LIMIT 1
""")
_LOTS = Sql("""
    SELECT w.code AS warehouse, s.lot, sum(s.quantity) AS pieces
      FROM bin_level AS s JOIN stock_level AS l ON l.id = s.level_id
           JOIN warehouse AS w ON w.id = l.warehouse_id
     WHERE l.product_id = :id AND s.lot <> '' AND s.quantity > 0
     GROUP BY w.code, s.lot ORDER BY w.code, s.lot LIMIT 1
""")
_LOTS_IN_TRANSIT = Sql("""
    SELECT t.lot FROM transfer_line AS t JOIN stock_level AS l ON l.id = t.level_id
     WHERE l.product_id = :id AND t.lot <> '' AND t.shipped > t.received + t.lost + t.returned
     LIMIT 1
""")
_ON_ORDER = Sql("""
    SELECT o.id FROM purchase_order_line AS l JOIN stock_level AS v ON v.id = l.level_id
           JOIN purchase_order AS o ON o.id = l.order_id
     WHERE v.product_id = :id AND o.closed_at IS NULL ORDER BY o.id LIMIT 1
""")
_DROP_TERMS = Sql("DELETE FROM supplier_term WHERE product_id = :id")
_VARIANT = Sql("SELECT id FROM product WHERE variant_of = :id LIMIT 1")
_statement = lru_cache(256)(Sql)  # to make one takes as long as to run it

# What a list is sorted by; where a value is missing it sorts before all others.
SORTS = {
    "sku": "p.sku_key",
    "title": "p.title",
    "author": "p.author",
    "price": "coalesce(p.price, -1)",
    "rating": "coalesce(p.rating, -1)",
    "publication-date": "coalesce(p.publication_date, -100000000)",
    "popularity": "p.popularity",
    "created": "p.created_at",
}


def show(
    session: Session, *, ref: str, html: bool = False, books: Session | None = None
) -> ProductDetails:
    """Return a product by SKU, ISBN-10, ISBN-13 or barcode, with its variants.

    With `html` its description is rendered, too. Stock is what `books` says, if they are another
    session than the catalogue's. Raises NotFound.
    """
    return product_rows.details(session, items.one(session, ref).id, html=html, books=books)


def add(session: Session, *, fields: Mapping[str, str]) -> ProductRow:
    """Add a product; `sku` and `title` are required. Raises Conflict for a SKU, ISBN or barcode
    that is taken, NotFound for a category or parent that is not there, InvalidInput."""
    values = product_fields.parse(fields)
    for needed in ("sku", "title"):
        if not values.get(needed):
            raise InvalidInput(f"a product needs a {needed}", field=needed)
    values = _referenced(session, values)
    codes = values.pop("barcode", {})
    key = text.key(values["sku"])
    _refuse_taken(session, key, values.get("isbn"), codes)
    times = {"created_at": session.now, "updated_at": session.now}
    [row] = session.ask(_ADD, **(product_fields.BLANK | values | {"sku_key": key} | times))
    _set_barcodes(session, row.id, codes)
    told = {field: value for field, value in fields.items() if value}
    command_log.tell(session, [Tale("product.created", values["sku"], told, session.command)])
    return product_rows.one(session, row.id)


def change(
    session: Session,
    *,
    ref: str,
    fields: Mapping[str, str],
    expected_version: int | None = None,
) -> ProductRow:
    """Change the named fields of a product; an empty text takes a value away.

    Attributes and options are merged: those that are not named stay. A new price of a product
    that is published only makes a request. Raises VersionMoved when it is not at the expected one,
    Conflict when an ISBN or barcode is taken, or it would become a draft again.
    """
    return _change(session, ref, fields, expected_version, is_whole=False)


def replace(
    session: Session,
    *,
    ref: str,
    fields: Mapping[str, str],
    expected_version: int | None = None,
) -> ProductRow:
    """Give a product these fields and no others: what is not named has its default, or nothing.

    The SKU stays, and so does the currency where only a price is named; `title` is required. A new
    price, or none, of a product that is published only makes a request. Raises what `change` does.
    """
    blank = dict.fromkeys((*product_fields.PARSERS, *product_fields.FLAGS), "")
    del blank["sku"]
    return _change(session, ref, blank | dict(fields), expected_version, is_whole=True)


def _change(
    session: Session,
    ref: str,
    fields: Mapping[str, str],
    expected_version: int | None,
    *,
    is_whole: bool,
) -> ProductRow:
    """Change the named fields; if these are the whole of them, nothing is merged."""
    found = items.one(session, ref)
    if "sku" in fields:
        raise InvalidInput("a SKU never changes: the ledger and other people's systems know it")
    if fields.get("title") == "":
        raise InvalidInput("a product needs a title", field="title")
    if fields.get("tracks_lots", "true") != "true":
        _refuse_without_lots(session, found)
    if fields.get("variant_of"):  # in the order of ids, before any of them is locked alone
        items.lock_above(session, [found.id, items.one(session, fields["variant_of"]).id])
    stored = _locked(session, found)
    _refuse_moved(stored, expected_version)
    values = _new_values(session, stored, fields, is_whole=is_whole)
    codes = values.pop("barcode", None)
    _refuse_taken(session, None, values.get("isbn"), codes or {}, but=found.id)
    values = _priced(session, stored, values)
    changed = {name: value for name, value in values.items() if getattr(stored, name) != value}
    if codes is not None and codes != dict(session.ask(_BARCODES, product_id=found.id)):
        _set_barcodes(session, found.id, codes)
    elif not changed:
        return product_rows.one(session, found.id)
    _write(session, stored, changed)
    if changed.get("variant_of"):
        items.refuse_circle(session, [found.id])
    waits = {"price", "currency"} - values.keys()  # not changed yet: somebody has to decide
    told = {field: value for field, value in fields.items() if field not in waits}
    command_log.tell(session, [Tale("product.updated", found.sku, told, session.command)])
    return product_rows.one(session, found.id)


def remove(session: Session, *, ref: str, expected_version: int | None = None) -> ProductRow:
    """Take a product out: one without history is deleted, one with history is discontinued.

    Raises Conflict while it is in stock, reserved, on order, or has variants, VersionMoved when it
    is not at the expected version.
    """
    found = items.one(session, ref)
    stored = _locked(session, found)
    _refuse_moved(stored, expected_version)
    row = product_rows.one(session, found.id)
    [counted] = session.ask(_LEVELS, id=found.id)
    if counted.pieces:
        raise Conflict(
            f"{found.sku} still has {counted.pieces} pieces in stock",
            hint=f"see: bvinv stock show {found.sku}",
        )
    if session.ask(_PROMISE, id=found.id, now=session.now):
        raise Conflict(f"{found.sku} is promised to somebody", hint="see: bvinv reserve list")
    if ordered := session.ask(_ON_ORDER, id=found.id):
        order = documents.number("PO", ordered[0].id)
        raise Conflict(f"{found.sku} is on {order}", hint=f"see: bvinv purchase order show {order}")
    if session.ask(_VARIANT, id=found.id):
        raise Conflict(f"{found.sku} has variants", hint="delete its variants first")
    has_history = counted.levels or prices.has_history(session, found.id)
    if has_history or traces.has_product(session, found.id):
        if stored.status == "discontinued":
            return row
        _write(session, stored, {"status": "discontinued"})
        command_log.tell(session, [Tale("product.archived", found.sku, {}, session.command)])
        return product_rows.one(session, found.id)
    traces.forget_product(session, found.id)
    session.send(_DROP_TERMS, [{"id": found.id}])
    session.send(_DELETE, [{"id": found.id}])  # its barcodes and its image's check go with it
    command_log.tell(session, [Tale("product.deleted", found.sku, {}, session.command)])
    return row


def products(
    session: Session,
    *,
    category: str | None = None,
    status: str | None = None,
    author: str | None = None,
    sort: str = "sku",
    limit: int = 50,
    after: str | None = None,
) -> tuple[list[ProductRow], str | None]:
    """Return a page of products and the cursor of the next page, None on the last one.

    A category has the products of those below it, too. `author` matches any part of the name,
    whatever the case of its ASCII letters. Raises InvalidInput for a sort, cursor or status that
    is not known.
    """
    text.quantity(limit, what="limit", minimum=1, maximum=10_000)
    order = SORTS.get(sort.removeprefix("-"))
    if order is None:
        raise InvalidInput(f"products are sorted by {', '.join(SORTS)}, not {text.quoted(sort)}")
    way, beyond = ("DESC", "<") if sort.startswith("-") else ("ASC", ">")
    where = ["p.id > 0"]
    values: dict[str, Any] = {"limit": limit + 1}
    if category is not None:
        where.append(f"p.category_id IN ({categories.WITH_THOSE_BELOW})")
        values["category"] = categories.known(session, category).id
    if status is not None:
        where.append("p.status = :status")
        values["status"] = product_fields.status(status)
    if author:
        where.append("lower(p.author) LIKE :author ESCAPE '/'")
        values["author"] = _pattern(text.line(author, what="author", maximum=1000))
    if after is not None:
        where.append(f"({order}, p.id) {beyond} (:value, :number)")
        values["value"], values["number"] = _uncursor(after, sort)
    statement = _statement(f"""
        SELECT p.id, {order} AS sorted_by FROM product AS p WHERE {" AND ".join(where)}
         ORDER BY {order} {way}, p.id {way} LIMIT :limit
    """)
    found = session.ask(statement, **values)
    page = found[:limit]
    cursor = _cursor(sort, page[-1].sorted_by, page[-1].id) if len(found) > limit else None
    return product_rows.rows(session, [row.id for row in page]), cursor


def _pattern(part: str) -> str:
    """Return the LIKE pattern of a part; bytes know ASCII letters only, as the engines do here."""
    lowered = part.encode().lower().decode()
    return "%" + re.sub("[%_/]", r"/\g<0>", lowered) + "%"


def _cursor(sort: str, value: Any, number: int) -> str:
    said = json.dumps([sort, value, number], separators=(",", ":"))
    return base64.urlsafe_b64encode(said.encode()).decode().rstrip("=")


def _uncursor(cursor: str, sort: str) -> tuple[Any, int]:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        kind, value, number = json.loads(base64.urlsafe_b64decode(padded.encode("ascii")))
        words = sort.removeprefix("-") in ("sku", "title", "author")
        fits = kind == sort and type(value) is (str if words else int) and type(number) is int
        if fits and words and value:
            text.line(value, what="cursor", maximum=1000)
    except (ValueError, TypeError, RecursionError):
        fits = False
    if not fits or abs(number) > 2**62 or (isinstance(value, int) and abs(value) > 2**62):
        raise InvalidInput("the cursor is not one that this list and sort gave out")
    return value, number


def _locked(session: Session, item: Item) -> Any:
    """Return the stored product, locked. Raises NotFound for one that has just been deleted."""
    found = session.ask(_STORED, id=item.id)
    if not found:
        raise NotFound(f"there is no product {item.sku} any more")
    return found[0]


def _refuse_moved(stored: Any, expected: int | None) -> None:
    """Raise VersionMoved unless the product is at the expected version; None is any."""
    if expected is None or stored.version == expected:
        return
    # What is no version at all comes as -1, see If-Match.
    what = f", not {expected}" if expected >= 0 else ", which is not what was expected"
    raise VersionMoved(
        f"{stored.sku} is at version {stored.version}{what}",
        hint="look at it again, then repeat the change",
        version=stored.version,
    )


def _refuse_without_lots(session: Session, found: Item) -> None:
    """Raise Conflict while pieces of a lot lie anywhere; nobody brings any until the end."""
    levels.lock(session, [found.id])
    hint = f"see: bvinv stock lots {found.sku}"
    for row in session.ask(_LOTS, id=found.id):
        raise Conflict(
            f"{int(row.pieces)} pieces of {found.sku} are of lot {row.lot}, at {row.warehouse}",
            hint=hint,
            sku=found.sku,
            lot=row.lot,
        )
    for row in session.ask(_LOTS_IN_TRANSIT, id=found.id):
        raise Conflict(f"lot {row.lot} of {found.sku} is in transit", hint=hint, sku=found.sku)


def _write(session: Session, stored: Any, changed: Mapping[str, Any]) -> None:
    """Write the values that changed, and count the version."""
    counted = {"version": stored.version + 1, "updated_at": session.now}
    session.send(product_rows.CHANGE, [stored._asdict() | changed | counted])


def _new_values(
    session: Session, stored: Any, fields: Mapping[str, str], *, is_whole: bool
) -> dict[str, Any]:
    """Return the values that a stored product is to have. Raises InvalidInput, Conflict."""
    if fields.get("price") and not fields.get("currency") and stored.currency:
        fields = {**fields, "currency": stored.currency}
    values = _referenced(session, product_fields.parse(fields))
    for name in ("attributes", "options"):
        if fields.get(name) and not is_whole:
            values[name] = product_fields.merged(getattr(stored, name), fields[name], what=name)
    if values.get("variant_of") == stored.id:
        raise InvalidInput(f"{stored.sku} cannot be a variant of itself", field="variant_of")
    if values.get("status") == "draft" and stored.status != "draft":
        raise Conflict(
            f"{stored.sku} was published, so it cannot be a draft again",
            hint=f"take it off: bvinv products update {stored.sku} --status discontinued",
        )
    return values


def _priced(session: Session, stored: Any, values: dict[str, Any]) -> dict[str, Any]:
    """Return the values without a price that somebody has to decide about first."""
    if "price" not in values:
        return values
    wish = prices.Wish.of(stored, values["price"], values["currency"])
    [outcome] = prices.change_many(session, [wish])
    if outcome != "applied":
        values = {name: one for name, one in values.items() if name not in ("price", "currency")}
    return values


def _referenced(session: Session, values: dict[str, Any]) -> dict[str, Any]:
    """Return the values with category and parent as the ids of their rows."""
    values = dict(values)
    if "category" in values:
        slug = values.pop("category")
        values["category_id"] = categories.known(session, slug).id if slug else None
    if values.get("variant_of"):
        values["variant_of"] = items.one(session, values["variant_of"]).id
    return values


def _refuse_taken(
    session: Session,
    key: str | None,
    number: str | None,
    codes: Mapping[str, int],
    but: int | None = None,
) -> None:
    checks = [
        (items.BY_SKU, [key] if key else [], "SKU"),
        (items.BY_ISBN, [number] if number else [], "ISBN"),
        (items.BY_BARCODE, list(codes), "barcode"),
    ]
    for statement, keys, what in checks:
        if not keys:
            continue
        for found in session.ask(statement, names=keys):
            if found.id != but:
                name = found.sku if what == "SKU" else found.name
                raise Conflict(
                    f"the {what} {name} belongs to {found.sku} already",
                    hint=f"see: bvinv products show {found.sku}",
                    sku=found.sku,
                )


def _set_barcodes(session: Session, number: int, codes: Mapping[str, int]) -> None:
    rows = [
        {"code": code, "product_id": number, "pack_quantity": pack} for code, pack in codes.items()
    ]
    session.send(_DROP_BARCODES, [{"product_id": number}])
    session.send(_ADD_BARCODE, rows)
