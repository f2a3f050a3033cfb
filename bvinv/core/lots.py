"""Lots: pieces that were made together and expire together."""

from typing import Any

from bvinv.core import dates, text
from bvinv.core.db import Session, Sql
from bvinv.core.errors import Conflict, InvalidInput, NotFound
from bvinv.core.models.warehouse import SELLABLE_KINDS

_STALE = Sql(f"""
    SELECT l.id AS level_id, t.code AS lot
         , coalesce(sum(CASE WHEN s.kind IN {SELLABLE_KINDS} THEN b.quantity END), 0) AS quantity
      FROM stock_level AS l JOIN lot AS t ON t.product_id = l.product_id
           LEFT JOIN bin_level AS b ON b.level_id = l.id AND b.lot = t.code
           LEFT JOIN bin AS s ON s.id = b.bin_id
     WHERE l.id IN :levels AND t.expires_on < :today GROUP BY l.id, t.code
""")
_EXPIRIES = Sql("""
    SELECT l.id AS level_id, t.code AS lot, t.expires_on
      FROM stock_level AS l JOIN lot AS t ON t.product_id = l.product_id WHERE l.id IN :levels
""")
_FIND = Sql("SELECT code, expires_on FROM lot WHERE product_id = :product AND code = :code")
_ADD = Sql.insert(
    "lot", "product_id", "code", "expires_on", "created_at", after="ON CONFLICT DO NOTHING"
)


def today(session: Session) -> int:
    """Return the date of this transaction in UTC, as `dates` writes it; a lot whose last good day
    lies before it has expired."""
    return dates.of(session.now)


def code(name: str) -> str:
    """Return a lot's code as it is kept. Raises InvalidInput."""
    return text.code(name, what="lot", maximum=64).upper()


def stale(session: Session, level_ids: list[int]) -> list[Any]:
    """Return each expired lot of these levels (`level_id`, `lot`) and its sellable `quantity`."""
    return session.ask(_STALE, levels=level_ids, today=today(session))


def expiries(session: Session, level_ids: list[int]) -> list[Any]:
    """Return the last good day of each lot that the products of these levels have."""
    return session.ask(_EXPIRIES, levels=level_ids)


def arriving(
    session: Session, *, product_id: int, sku: str, lot: str, expires_on: int | None
) -> str:
    """Return the code of a lot that comes in, and note it with its last good day (as in `dates`).

    A lot that is known keeps its day. Raises InvalidInput when it has expired, Conflict when it is
    known with another day.
    """
    wanted = code(lot)
    found = session.ask(_FIND, product=product_id, code=wanted)
    known = found[0].expires_on if found else expires_on
    if found and expires_on is not None and known != expires_on:
        raise Conflict(
            f"lot {wanted} of {sku} is known with another date, {_shown(known)}",
            hint="leave the date out, or name the lot that is printed on the goods",
            sku=sku,
            lot=wanted,
        )
    if known is not None and known < today(session):
        raise InvalidInput(f"lot {wanted} of {sku} has expired, on {_shown(known)}", lot=wanted)
    if not found:
        row = {"product_id": product_id, "code": wanted, "expires_on": expires_on}
        session.send(_ADD, [{**row, "created_at": session.now}])
    return wanted


def corrected(
    session: Session, *, product_id: int, sku: str, lot: str, expires_on: int | None
) -> str:
    """Return the code of a lot that pieces were found of: a known one, or a new one with its day.

    Raises InvalidInput when it has expired, or is new and nobody says until when it is good.
    """
    wanted = code(lot)
    if expires_on is None and not session.ask(_FIND, product=product_id, code=wanted):
        raise InvalidInput(
            f"lot {wanted} of {sku} is new: until when is it good?",
            hint=f"--lot {wanted} --expires-on 2027-01-31",
            sku=sku,
            lot=wanted,
        )
    return arriving(session, product_id=product_id, sku=sku, lot=wanted, expires_on=expires_on)


def known(session: Session, *, product_id: int, sku: str, lot: str) -> str:
    """Return the code of a lot that the product has. Raises NotFound."""
    wanted = code(lot)
    if not session.ask(_FIND, product=product_id, code=wanted):
        raise NotFound(
            f"there is no lot {wanted} of {sku}",
            hint=f"see: bvinv stock lots {sku}",
            sku=sku,
            lot=wanted,
        )
    return wanted


def _shown(day: int | None) -> str:
    return "never" if day is None else dates.display(day)
