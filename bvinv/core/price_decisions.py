"""Decisions about prices: what was asked for is approved or rejected, by somebody else."""

from collections.abc import Sequence
from typing import Any

from bvinv.core import access, command_log, instants, prices, text
from bvinv.core.command_log import Tale
from bvinv.core.db import Session, Sql
from bvinv.core.errors import Conflict, InvalidInput, NotFound, NotPermitted
from bvinv.core.models.price import PriceChangeRow

MOST = 10_000  # decisions in one transaction
_PRODUCTS_OF = Sql("SELECT id, product_id FROM price_change WHERE id IN :ids")
# Before the requests themselves, as everybody who changes a product does.
_LOCK_PRODUCTS = Sql(
    "SELECT id FROM product WHERE id IN :products ORDER BY id",
    lock="FOR UPDATE",
)
_REQUESTS = Sql(
    """
    SELECT c.*, p.sku, p.status, p.price, p.currency
      FROM price_change AS c JOIN product AS p ON p.id = c.product_id
     WHERE c.id IN :ids ORDER BY c.id
    """,
    lock="FOR UPDATE OF c",
)
_DECIDE = Sql("""
    UPDATE price_change
       SET state = :state, decided_by = :actor, reason = :reason, decided_at = :now
     WHERE id = :id
""")
_OTHERS = Sql("""
    SELECT c.id, c.product_id, c.requested_by
      FROM price_change AS c JOIN product AS p ON p.id = c.product_id
     WHERE c.state = 'requested' AND coalesce(p.price, -1) = coalesce(c.old_price, -1)
       AND coalesce(p.currency, '') = coalesce(c.old_currency, '')
     ORDER BY c.id
""")


def approve(session: Session, *, ids: Sequence[int]) -> list[PriceChangeRow]:
    """Let these requested prices count from now on: all of them, or none.

    Raises NotFound; NotPermitted without the role, and for one's own request; Conflict for one
    that is decided, or whose product has another price now than when it was made.
    """
    found = _locked(session, ids, "products approve")
    for row in found:
        if (row.price, row.currency) != (row.old_price, row.old_currency):
            raise Conflict(
                f"price request {row.id} is stale: the price of {row.sku} has changed since",
                hint=f"see: bvinv products price {row.sku}",
                price_change=row.id,
            )
    # From here on nothing can fail.
    now = session.now
    session.send(
        prices.REPRICE,
        [
            {
                "id": row.product_id,
                "price": row.new_price,
                "currency": row.new_currency,
                "now": now,
            }
            for row in found
        ],
    )
    return _decided(session, found, "approved", "")


def approve_others(session: Session) -> list[PriceChangeRow]:
    """Approve every open request of somebody else that is not stale, at most 10,000, oldest first.

    Raises NotPermitted.
    """
    access.require(session, "products approve")
    found = _others(session)[:MOST]
    session.ask(_LOCK_PRODUCTS, products=sorted(row.product_id for row in found))
    # Some may have been decided or replaced before they were locked.
    ids = {row.id for row in found} & {row.id for row in _others(session)}
    return approve(session, ids=sorted(ids)) if ids else []


def _others(session: Session) -> list[Any]:
    actor = text.key(session.command.actor)
    return [row for row in session.ask(_OTHERS) if text.key(row.requested_by) != actor]


def reject(session: Session, *, ids: Sequence[int], reason: str) -> list[PriceChangeRow]:
    """Turn these requested prices down, all of them or none; the reason is kept.

    Raises what `approve` does; stale requests can be rejected.
    """
    reason = text.line(reason, what="reason")
    return _decided(session, _locked(session, ids, "products reject"), "rejected", reason)


def _locked(session: Session, ids: Sequence[int], action: str) -> list[Any]:
    """Return the open requests with their products, locked, after refusing what may not be."""
    access.require(session, action)
    ids = sorted({text.quantity(one, what="price request", maximum=2**62) for one in ids})
    if not 1 <= len(ids) <= MOST:
        raise InvalidInput(f"decide 1 to {MOST} price requests at a time, not {len(ids)}")
    found = session.ask(_PRODUCTS_OF, ids=ids)
    if missing := set(ids) - {row.id for row in found}:
        raise NotFound(
            f"there is no price request {min(missing)}", hint="see: bvinv products price-requests"
        )
    session.ask(_LOCK_PRODUCTS, products=sorted({row.product_id for row in found}))
    requests = session.ask(_REQUESTS, ids=ids)
    for row in requests:
        _refuse_closed(row)
        if text.key(row.requested_by) == text.key(session.command.actor):
            raise NotPermitted(
                f"price request {row.id} is {row.requested_by}'s own: somebody else decides it",
                hint=f"to withdraw it, ask for the price that {row.sku} has",
                price_change=row.id,
            )
    return requests


def _refuse_closed(row: Any) -> None:
    if row.state == "requested":
        return
    said = {
        "applied": "counted at once, nothing waits for a decision; that was",
        "superseded": "was withdrawn, or replaced by a newer one,",
    }.get(row.state, f"was {row.state} by {row.decided_by}")
    raise Conflict(
        f"price request {row.id} {said} at {instants.display(row.decided_at)}",
        hint=f"see: bvinv products price {row.sku}",
        price_change=row.id,
        state=row.state,
    )


def _decided(
    session: Session, found: Sequence[Any], state: str, reason: str
) -> list[PriceChangeRow]:
    """Write down what was decided about these requests, and return them."""
    command = session.command
    decision = {"state": state, "actor": command.actor, "reason": reason, "now": session.now}
    session.send(_DECIDE, [decision | {"id": row.id} for row in found])
    tales = []
    for row in found:
        said = prices.Wish(
            row.product_id,
            row.sku,
            row.old_price,
            row.old_currency,
            row.status,
            row.new_price,
            row.new_currency,
        ).shown(row.id) | {"requested_by": row.requested_by}
        if state == "approved":
            tales.append(Tale("price.approved", row.sku, said, command))
            tales.append(Tale("product.priced", row.sku, said, command))
        else:
            tales.append(Tale("price.rejected", row.sku, said | {"reason": reason}, command))
    command_log.tell(session, tales)
    return prices.by_id(session, [row.id for row in found])
