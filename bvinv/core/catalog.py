"""The catalogue: products by any of their names, added, changed, listed, taken out."""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    RowMapping,
    delete,
    exists,
    func,
    insert,
    select,
    tuple_,
    update,
)

from bvinv.core import categories, command_log, items, money, product_fields, text
from bvinv.core.command_log import Tale
from bvinv.core.db import Session
from bvinv.core.errors import Conflict, InvalidInput
from bvinv.core.models.product import ProductRow
from bvinv.core.models.tables import (
    Barcode,
    Category,
    Product,
    ReservationLine,
    StockLevel,
    table,
)

PRODUCT = table(Product)
LEVEL = table(StockLevel)
LINE = table(ReservationLine)
BARCODE = table(Barcode)
CATEGORY = table(Category)
PARENT = PRODUCT.alias("parent")

_SHOWN = (
    select(
        PRODUCT,
        CATEGORY.c.slug.label("category"),
        PARENT.c.sku.label("parent"),
    )
    .join_from(PRODUCT, CATEGORY, CATEGORY.c.id == PRODUCT.c.category_id, isouter=True)
    .join(PARENT, PARENT.c.id == PRODUCT.c.variant_of, isouter=True)
)


def show(session: Session, *, ref: str) -> ProductRow:
    """Return a product by SKU, ISBN-10, ISBN-13 or barcode. Raises NotFound."""
    return _row(session, items.one(session, ref).id)


def add(session: Session, *, fields: Mapping[str, str]) -> ProductRow:
    """Add a product; `sku` and `title` are required. Raises Conflict for a SKU, ISBN or barcode
    that is taken, NotFound for a category or parent that is not there, InvalidInput."""
    values = product_fields.parse(fields)
    for needed in ("sku", "title"):
        if not values.get(needed):
            raise InvalidInput(f"a product needs a {needed}", field=needed)
    values = _referenced(session, values)
    codes = values.pop("barcode", [])
    key = text.key(values["sku"])
    _refuse_taken(session, key, values.get("isbn"), codes)
    number = session.wire.execute(
        insert(PRODUCT).returning(PRODUCT.c.id),
        product_fields.BLANK
        | values
        | {"sku_key": key, "created_at": session.now, "updated_at": session.now},
    ).scalar_one()
    _set_barcodes(session, number, codes)
    told = {field: value for field, value in fields.items() if value}
    command_log.tell(session, [Tale("product.created", values["sku"], told, session.command)])
    return _row(session, number)


def change(
    session: Session,
    *,
    ref: str,
    fields: Mapping[str, str],
    expected_version: int | None = None,
) -> ProductRow:
    """Change the named fields of a product; an empty text takes a value away.

    Raises Conflict when its version is not the expected one, or an ISBN or barcode is taken.
    """
    found = items.one(session, ref)
    if "sku" in fields:
        raise InvalidInput("a SKU never changes: the ledger and other people's systems know it")
    if fields.get("title") == "":
        raise InvalidInput("a product needs a title", field="title")
    stored = _locked(session, found.id)
    if expected_version is not None and stored["version"] != expected_version:
        raise Conflict(
            f"{found.sku} is at version {stored['version']}, not {expected_version}",
            hint="look at it again, then repeat the change",
            version=stored["version"],
        )
    if fields.get("price") and not fields.get("currency") and stored["currency"]:
        fields = {**fields, "currency": stored["currency"]}
    values = _referenced(session, product_fields.parse(fields))
    if values.get("variant_of") == found.id:
        raise InvalidInput(f"{found.sku} cannot be a variant of itself", field="variant_of")
    codes = values.pop("barcode", None)
    _refuse_taken(session, None, values.get("isbn"), codes or [], but=found.id)
    changed = {name: value for name, value in values.items() if stored[name] != value}
    if codes is not None and set(codes) != set(_barcodes(session, found.id)):
        _set_barcodes(session, found.id, codes)
    elif not changed:
        return _row(session, found.id)
    session.wire.execute(
        update(PRODUCT).where(PRODUCT.c.id == found.id),
        changed | {"version": stored["version"] + 1, "updated_at": session.now},
    )
    items.refuse_circle(session, [found.id])
    command_log.tell(session, [Tale("product.updated", found.sku, dict(fields), session.command)])
    return _row(session, found.id)


def remove(session: Session, *, ref: str) -> ProductRow:
    """Take a product out: one without history is deleted, one with history is discontinued.

    Raises Conflict while it is in stock, reserved, or has variants.
    """
    found = items.one(session, ref)
    row = _row(session, found.id)
    connection = session.wire
    counted = connection.execute(
        select(
            func.count(LEVEL.c.id),
            func.coalesce(func.sum(LEVEL.c.on_hand + LEVEL.c.unsellable), 0),
        ).where(LEVEL.c.product_id == found.id)
    )
    levels, pieces = counted.one()
    if pieces:
        raise Conflict(
            f"{found.sku} still has {pieces} pieces in stock",
            hint=f"see: bvinv stock show {found.sku}",
        )
    promised = exists().where(
        LEVEL.c.product_id == found.id,
        LINE.c.level_id == LEVEL.c.id,
        LINE.c.held + LINE.c.backordered > 0,
        LINE.c.expires_at > session.now,
    )
    if connection.execute(select(promised)).scalar():
        raise Conflict(f"{found.sku} is promised to somebody", hint="see: bvinv reserve list")
    if connection.execute(select(exists().where(PRODUCT.c.variant_of == found.id))).scalar():
        raise Conflict(f"{found.sku} has variants", hint="delete its variants first")
    if levels:
        connection.execute(
            update(PRODUCT).where(PRODUCT.c.id == found.id),
            {"status": "discontinued", "version": row.version + 1, "updated_at": session.now},
        )
        command_log.tell(session, [Tale("product.archived", found.sku, {}, session.command)])
        return _row(session, found.id)
    connection.execute(delete(BARCODE).where(BARCODE.c.product_id == found.id))
    connection.execute(delete(PRODUCT).where(PRODUCT.c.id == found.id))
    command_log.tell(session, [Tale("product.deleted", found.sku, {}, session.command)])
    return row


SORTS: dict[str, ColumnElement[Any]] = {
    "sku": PRODUCT.c.sku_key,
    "title": PRODUCT.c.title,
    "author": PRODUCT.c.author,
    "price": func.coalesce(PRODUCT.c.price, -1),
    "rating": func.coalesce(PRODUCT.c.rating, -1),
    "publication-date": func.coalesce(PRODUCT.c.publication_date, -100_000_000),
    "created": PRODUCT.c.created_at,
}


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

    `author` matches any part of the name, whatever its case (ASCII letters on SQLite). Raises
    InvalidInput for a sort, cursor or status that is not known.
    """
    text.quantity(limit, what="limit", minimum=1, maximum=10_000)
    order = SORTS.get(sort.removeprefix("-"))
    if order is None:
        raise InvalidInput(f"products are sorted by {', '.join(SORTS)}, not {text.quoted(sort)}")
    statement = _SHOWN.add_columns(order.label("sorted_by"))
    if category is not None:
        statement = statement.where(CATEGORY.c.slug == categories.known(session, category).slug)
    if status is not None:
        statement = statement.where(PRODUCT.c.status == product_fields.status(status))
    if author is not None:
        author = text.line(author, what="author", maximum=1000) if author else ""
        statement = statement.where(PRODUCT.c.author.icontains(author, autoescape=True))
    position = tuple_(order, PRODUCT.c.id)
    if sort.startswith("-"):
        statement = statement.order_by(order.desc(), PRODUCT.c.id.desc())
        if after is not None:
            statement = statement.where(position < tuple_(*_uncursor(after, sort)))
    else:
        statement = statement.order_by(order, PRODUCT.c.id)
        if after is not None:
            statement = statement.where(position > tuple_(*_uncursor(after, sort)))
    found = session.wire.execute(statement.limit(limit + 1)).mappings().all()
    page = found[:limit]
    cursor = None
    if len(found) > limit:
        cursor = _cursor(sort, page[-1]["sorted_by"], page[-1]["id"])
    codes = _barcodes_of(session, [row["id"] for row in page])
    return [_shown(row, codes.get(row["id"], [])) for row in page], cursor


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


def _row(session: Session, number: int) -> ProductRow:
    found = session.wire.execute(_SHOWN.where(PRODUCT.c.id == number)).mappings()
    return _shown(found.one(), _barcodes(session, number))


def _shown(row: RowMapping, codes: list[str]) -> ProductRow:
    price, currency = row["price"], row["currency"]
    values = dict(row)
    values["price"] = None if price is None else money.display(price, currency)
    values["variant_of"] = row["parent"]
    values["attributes"] = json.loads(row["attributes"])
    values["options"] = json.loads(row["options"])
    values["barcodes"] = codes
    return ProductRow.model_validate(values)


def _locked(session: Session, number: int) -> RowMapping:
    statement = select(PRODUCT).where(PRODUCT.c.id == number).with_for_update()
    return session.wire.execute(statement).mappings().one()


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
    codes: Sequence[str],
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


def _barcodes(session: Session, number: int) -> list[str]:
    return _barcodes_of(session, [number]).get(number, [])


def _barcodes_of(session: Session, numbers: list[int]) -> dict[int, list[str]]:
    found = session.wire.execute(
        select(BARCODE.c.product_id, BARCODE.c.code)
        .where(BARCODE.c.product_id.in_(numbers))
        .order_by(BARCODE.c.code)
    )
    codes: dict[int, list[str]] = {}
    for number, code in found:
        codes.setdefault(number, []).append(code)
    return codes


def _set_barcodes(session: Session, number: int, codes: Sequence[str]) -> None:
    connection = session.wire
    connection.execute(delete(BARCODE).where(BARCODE.c.product_id == number))
    if codes:
        rows = [{"code": code, "product_id": number} for code in dict.fromkeys(codes)]
        connection.execute(insert(BARCODE), rows)
