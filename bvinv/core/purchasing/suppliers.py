"""Suppliers: who sells to us, in which currency, how long they take."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from bvinv.core import command_log, money, text
from bvinv.core.command_log import Tale
from bvinv.core.db import Session, Sql
from bvinv.core.errors import Conflict, InvalidInput, NotFound
from bvinv.core.models.supplier import SupplierDetails, SupplierRow
from bvinv.core.purchasing import supplier_terms

LONGEST_LEAD, MOST_OVER = 3650, 1000  # days, percent

_SHOWN = """
    SELECT s.id, s.code, s.name, s.currency, s.lead_time_days, s.minimum_order
         , s.over_receipt_percent, s.email, s.created_at, s.updated_at
         , (SELECT count(*) FROM supplier_term AS t WHERE t.supplier_id = s.id) AS products
      FROM supplier AS s {where}
"""
_ONE = Sql(_SHOWN.format(where="WHERE s.code = :code"))
_PAGE = Sql(_SHOWN.format(where="WHERE s.code > :after ORDER BY s.code LIMIT :limit"))
_FIND = Sql("""
    SELECT id, code, currency, lead_time_days, minimum_order, over_receipt_percent
      FROM supplier WHERE code = :code
""")
_LOCK = Sql("SELECT id FROM supplier WHERE id = :id", lock="FOR NO KEY UPDATE")
_COLUMNS = (
    "code",
    "name",
    "currency",
    "lead_time_days",
    "minimum_order",
    "over_receipt_percent",
    "email",
)
_ADD = Sql.insert("supplier", *_COLUMNS, "created_at", "updated_at")
_CHANGE = Sql("""
    UPDATE supplier
       SET name = :name, currency = :currency, lead_time_days = :lead_time_days
         , minimum_order = :minimum_order, over_receipt_percent = :over_receipt_percent
         , email = :email, updated_at = :now
     WHERE id = :id
""")
_COSTS = Sql("""
    SELECT 1 AS found FROM supplier_term WHERE supplier_id = :id AND cost IS NOT NULL
     UNION ALL
    SELECT 1 FROM purchase_order WHERE supplier_id = :id LIMIT 1
""")


class Seller(NamedTuple):
    """A supplier, as far as orders need to know it; `minimum_order` in minor units."""

    id: int
    code: str
    currency: str
    lead_time_days: int
    minimum_order: int | None
    over_receipt_percent: int


def code(name: str) -> str:
    """Return a supplier's code as it is kept: upper case. Raises InvalidInput."""
    return text.code(name, what="supplier", maximum=32).upper()


def find(session: Session, name: str) -> Seller:
    """Return one supplier. Raises NotFound."""
    wanted = code(name)
    rows = session.ask(_FIND, code=wanted)
    if not rows:
        raise _unknown(wanted)
    return Seller(*rows[0])


def add(session: Session, *, name_code: str, fields: Mapping[str, str]) -> SupplierRow:
    """Add a supplier; `name`, `currency` and `lead_time_days` are required.

    `minimum_order` is an amount of money in the currency, `over_receipt_percent` how much more
    than ordered is taken in without a question. Raises InvalidInput, and Conflict when the code is
    taken.
    """
    wanted = code(name_code)
    for needed in ("name", "currency", "lead_time_days"):
        if not fields.get(needed, "").strip():
            said = needed.replace("_", " ")
            raise InvalidInput(f"a supplier needs a {said}", field=needed)
    values = _parsed(fields, money.currency(fields["currency"]))
    if session.ask(_FIND, code=wanted):
        raise Conflict(f"there is a supplier {wanted} already", supplier=wanted)
    blank = {"minimum_order": None, "over_receipt_percent": 0, "email": ""}
    times = {"created_at": session.now, "updated_at": session.now}
    session.send(_ADD, [blank | values | times | {"code": wanted}])
    _tell(session, "created", wanted, fields)
    return _row(_asked(session, wanted))


def change(session: Session, *, supplier: str, fields: Mapping[str, str]) -> SupplierRow:
    """Change the named fields of a supplier; an empty text takes a value away.

    Raises NotFound, InvalidInput, and Conflict for another currency once there are costs in the
    old one.
    """
    stored = _asked(session, code(supplier))
    session.ask(_LOCK, id=stored.id)
    stored = _asked(session, stored.code)
    currency = money.currency(fields.get("currency") or stored.currency)
    if currency != stored.currency:
        if session.ask(_COSTS, id=stored.id):
            raise Conflict(
                f"{stored.code} has costs and orders in {stored.currency}",
                hint="add a second supplier for the other currency",
                currency=stored.currency,
            )
        if stored.minimum_order is not None and "minimum_order" not in fields:
            raise InvalidInput(
                f"the minimum order of {stored.code} is in {stored.currency}",
                hint="name it in the new currency too: --minimum-order",
            )
    values = {name: getattr(stored, name) for name in _COLUMNS} | _parsed(fields, currency)
    if all(getattr(stored, name) == values[name] for name in _COLUMNS):
        return _row(stored)
    session.send(_CHANGE, [values | {"id": stored.id, "now": session.now}])
    _tell(session, "changed", stored.code, fields)
    return _row(_asked(session, stored.code))


def page(
    session: Session, *, limit: int = 100, after: str | None = None
) -> tuple[list[SupplierRow], str | None]:
    """Return a page of suppliers by code, and the cursor of the next. Raises InvalidInput."""
    text.quantity(limit, what="limit", minimum=1, maximum=10_000)
    found = session.ask(_PAGE, after=code(after) if after else "", limit=limit + 1)
    rows = [_row(row) for row in found[:limit]]
    return rows, rows[-1].code if len(found) > limit else None


def show(session: Session, *, supplier: str) -> SupplierDetails:
    """Return one supplier with all its terms, by SKU. Raises NotFound."""
    row = _asked(session, code(supplier))
    terms = supplier_terms.every(session, row.id)
    return SupplierDetails(**dict(_row(row)), terms=terms)


def _parsed(fields: Mapping[str, str], currency: str) -> dict[str, Any]:
    """Return the values of these fields as they are stored. Raises InvalidInput."""
    values: dict[str, Any] = {}
    if "name" in fields:
        values["name"] = text.line(fields["name"], what="name", maximum=200)
    if "currency" in fields:
        values["currency"] = currency
    if "lead_time_days" in fields:
        values["lead_time_days"] = text.quantity(
            fields["lead_time_days"], what="lead time in days", minimum=0, maximum=LONGEST_LEAD
        )
    if "minimum_order" in fields:
        amount = fields["minimum_order"]
        values["minimum_order"] = money.minor_units(amount, currency) if amount else None
    if "over_receipt_percent" in fields:
        values["over_receipt_percent"] = percent(fields["over_receipt_percent"] or "0")
    if "email" in fields:
        values["email"] = _email(fields["email"]) if fields["email"] else ""
    return values


def percent(value: str | int) -> int:
    """Return how much more than ordered may come, in percent. Raises InvalidInput."""
    return text.quantity(value, what="over-receipt percentage", minimum=0, maximum=MOST_OVER)


def _email(value: str) -> str:
    found = text.line(value, what="email", maximum=254)
    name, at, host = found.rpartition("@")
    if not (name and at and host) or " " in found:
        raise InvalidInput(f"{text.quoted(value)} is not an email address")
    return found


def _tell(session: Session, what: str, supplier: str, fields: Mapping[str, str]) -> None:
    told = {name: value for name, value in fields.items() if name != "email"}
    command_log.tell(session, [Tale(f"supplier.{what}", supplier, told, session.command)])


def _asked(session: Session, wanted: str) -> Any:
    rows = session.ask(_ONE, code=wanted)
    if not rows:
        raise _unknown(wanted)
    return rows[0]


def _unknown(wanted: str) -> NotFound:
    return NotFound(
        f"there is no supplier {wanted}",
        hint="see: bvinv purchase supplier list, or add it: bvinv purchase supplier add",
        supplier=wanted,
    )


def _row(row: Any) -> SupplierRow:
    least = row.minimum_order
    return SupplierRow(
        code=row.code,
        name=row.name,
        currency=row.currency,
        lead_time_days=row.lead_time_days,
        minimum_order=None if least is None else money.display(least, row.currency),
        over_receipt_percent=row.over_receipt_percent,
        email=row.email,
        products=row.products,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
