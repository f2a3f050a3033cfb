"""Prices: asked for, changed, looked up. Deciding about them is the work of `price_decisions`.

The price of a draft, and the first price of a product, counts at once. That of a product which is
published becomes a request: at most one is open for a product, and a newer one takes its place. So
does a price after one that was taken away, or two requests would do what one may not.
"""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from bvinv.core import command_log, instants, items, money, product_fields, text
from bvinv.core.command_log import Tale
from bvinv.core.db import Session, Sql
from bvinv.core.errors import InvalidInput, NotFound
from bvinv.core.models.price import (
    PriceChangeRow,
    PriceHistoryRow,
    PriceOnRow,
    PriceRequestRow,
    PriceRow,
)

Outcome = Literal["applied", "requested", "withdrawn", "unchanged"]
STATES = ("requested", "approved", "rejected", "superseded", "all")

_PRODUCT = Sql(
    "SELECT id, sku, status, price, currency, created_at FROM product WHERE id = :id",
    lock="FOR UPDATE",
)
REPRICE = Sql("""
    UPDATE product
       SET price = :price, currency = :currency, version = version + 1, updated_at = :now
     WHERE id = :id
""")
_OPEN = Sql(
    """
    SELECT id, product_id, old_price, old_currency, new_price, new_currency, requested_by
         , requested_at
      FROM price_change WHERE state = 'requested' AND product_id IN :products
    """,
    lock="FOR UPDATE",
)
_SUPERSEDE = Sql("UPDATE price_change SET state = 'superseded', decided_at = :now WHERE id = :id")
_ADD = Sql.insert(
    "price_change",
    "product_id",
    "old_price",
    "old_currency",
    "new_price",
    "new_currency",
    "state",
    "requested_by",
    "reason",
    "requested_at",
    "decided_at",
    after="RETURNING id",
)
_CHANGES = """
    SELECT c.*, p.sku, p.price AS present, p.currency AS present_currency
      FROM price_change AS c JOIN product AS p ON p.id = c.product_id
     WHERE {where} ORDER BY c.id {order} LIMIT :limit
"""
_HISTORY = Sql(
    "SELECT * FROM price_change WHERE product_id = :product ORDER BY id DESC LIMIT :limit"
)
_BY_ID = Sql(_CHANGES.format(where="c.id IN :ids", order=""))
# The states stand in the text: the index of what is open serves no parameter.
_REQUESTS = {
    state: Sql(_CHANGES.format(where=f"c.state = '{state}' AND c.id > :after", order=""))
    for state in STATES
} | {"all": Sql(_CHANGES.format(where="c.state <> 'applied' AND c.id > :after", order=""))}
# By id: the product is locked where one is made, but the clocks of two machines may disagree.
_IN_FORCE = """
    SELECT old_price, old_currency, new_price, new_currency, decided_at FROM price_change
     WHERE product_id = :product AND state IN ('applied', 'approved') AND decided_at {when}
     ORDER BY id {order} LIMIT 1
"""
_LAST = Sql(_IN_FORCE.format(when="<= :at", order="DESC"))
_NEXT = Sql(_IN_FORCE.format(when="> :at", order="ASC"))
# Only what was published has prices that were approved.
_DECIDED = Sql("""
    SELECT DISTINCT product_id FROM price_change
     WHERE state = 'approved' AND product_id IN :products
""")
_ANY = Sql("SELECT id FROM price_change WHERE product_id = :product LIMIT 1")


class Wish(NamedTuple):
    """A price that somebody wants for a product, in minor units, None for no price at all.

    `price`, `currency` and `status` are what is stored; the caller has locked the product's row.
    """

    product_id: int
    sku: str
    price: int | None
    currency: str | None
    status: str
    new_price: int | None
    new_currency: str | None

    @classmethod
    def of(cls, stored: Any, price: int | None, currency: str | None) -> "Wish":
        """Return the wish for another price of a product, given its locked row."""
        return cls(
            stored.id, stored.sku, stored.price, stored.currency, stored.status, price, currency
        )

    def shown(self, number: int) -> dict[str, Any]:
        """Return what events say about it, under the id of its change."""
        return {
            "price_change": number,
            "old_price": _amount(self.price, self.currency),
            "old_currency": self.currency,
            "price": _amount(self.new_price, self.new_currency),
            "currency": self.new_currency,
        }


def change(
    session: Session, *, ref: str, price: str, currency: str | None = None, limit: int = 50
) -> PriceRow:
    """Change a product's price, or ask for that; an empty price takes it away.

    Without a currency it is the present one. Asking for the price that counts already withdraws
    the open request, whoever made it. Returns what `show` does. Raises NotFound, InvalidInput.
    """
    stored = _product(session, ref)
    currency = currency or (price and stored.currency) or ""
    values = product_fields.parse({"price": price, "currency": currency})
    wish = Wish.of(stored, values["price"], values["currency"])
    [outcome] = change_many(session, [wish], withdraw=True)
    if outcome == "applied":
        values = {"price": wish.new_price, "currency": wish.new_currency}
        session.send(REPRICE, [values | {"id": stored.id, "now": session.now}])
    return show(session, ref=stored.sku, limit=limit)


def change_many(
    session: Session, wishes: Sequence[Wish], *, withdraw: bool = False
) -> list[Outcome]:
    """Write down these changes of price, one a product at most; say what became of each.

    The caller has locked the products, and writes into their rows the prices that were `applied`,
    no others. What is asked for already stays `unchanged`, and so does what costs that already:
    only with `withdraw` it closes the open request.
    """
    open_ones = open_requests(session, [wish.product_id for wish in wishes])
    free = _free(session, wishes)
    outcomes = [
        _outcome(wish, open_ones.get(wish.product_id), wish.product_id in free, withdraw)
        for wish in wishes
    ]
    closed, written = [], []
    for wish, outcome in zip(wishes, outcomes, strict=True):
        if outcome != "unchanged" and wish.product_id in open_ones:
            closed.append((wish, open_ones[wish.product_id]))
        if outcome in ("applied", "requested"):
            written.append((wish, outcome))
    session.send(_SUPERSEDE, [{"id": one.id, "now": session.now} for _, one in closed])
    tales = [
        Tale("price.superseded", wish.sku, {"price_change": one.id}, session.command)
        for wish, one in closed
    ]
    rows = [_row(session, wish, outcome) for wish, outcome in written]
    numbers = session.insert(_ADD, rows) if rows else []
    for (wish, outcome), number in zip(written, numbers, strict=True):
        kind = "product.priced" if outcome == "applied" else "price.requested"
        tales.append(Tale(kind, wish.sku, wish.shown(number), session.command))
    if tales:
        command_log.tell(session, tales)
    return outcomes


def show(session: Session, *, ref: str, limit: int = 50) -> PriceRow:
    """Return a product's price, its open request, and its last `limit` changes, newest first.

    Raises NotFound.
    """
    text.quantity(limit, what="limit", minimum=1, maximum=10_000)
    stored = _product(session, ref)
    found = open_requests(session, [stored.id]).get(stored.id)
    changes = session.ask(_HISTORY, product=stored.id, limit=limit)
    return PriceRow(
        sku=stored.sku,
        status=stored.status,
        price=_amount(stored.price, stored.currency),
        currency=stored.currency,
        price_request=request_row(found) if found else None,
        history=[PriceHistoryRow(**_history(row)) for row in changes],
    )


def on(session: Session, *, ref: str, at: int) -> PriceOnRow:
    """Return what a product cost at an instant: what was decided last by then.

    Before its first change it cost what that change replaced. Raises NotFound, also for an
    instant at which there was no such product yet.
    """
    stored = _product(session, ref)
    if at < stored.created_at:
        raise NotFound(
            f"{stored.sku} was not in the catalogue then: it came at "
            f"{instants.display(stored.created_at)}"
        )
    price, currency, since = stored.price, stored.currency, stored.created_at
    if last := session.ask(_LAST, product=stored.id, at=at):
        price, currency = last[0].new_price, last[0].new_currency
        since = last[0].decided_at
    elif following := session.ask(_NEXT, product=stored.id, at=at):
        price, currency = following[0].old_price, following[0].old_currency
    shown = _amount(price, currency)
    return PriceOnRow(sku=stored.sku, at=at, price=shown, currency=currency, since=since)


def requests(
    session: Session, *, state: str = "requested", limit: int = 50, after: int = 0
) -> tuple[list[PriceChangeRow], int | None]:
    """Return a page of requests, the oldest first, and the cursor of the next page.

    `state` is one of `STATES`; `requested` are those that wait. Raises InvalidInput.
    """
    text.quantity(limit, what="limit", minimum=1, maximum=10_000)
    text.quantity(after, what="cursor", minimum=0, maximum=2**62)
    if state not in _REQUESTS:
        raise InvalidInput(f"the state is one of {', '.join(STATES)}, not {text.quoted(state)}")
    found = session.ask(_REQUESTS[state], after=after, limit=limit + 1)
    rows = [_shown(session, row) for row in found[:limit]]
    return rows, rows[-1].id if len(found) > limit else None


def by_id(session: Session, ids: Sequence[int]) -> list[PriceChangeRow]:
    """Return these changes by their ids, as far as there are such."""
    found = session.ask(_BY_ID, ids=list(ids), limit=len(ids))
    return [_shown(session, row) for row in found]


def open_requests(session: Session, products: Sequence[int]) -> dict[int, Any]:
    """Return the stored row of each product's open request, by the product's id."""
    found = session.ask(_OPEN, products=list(products)) if products else []
    return {row.product_id: row for row in found}


def request_row(row: Any) -> PriceRequestRow:
    """Return an open request as both doors show it beside its product."""
    return PriceRequestRow(
        id=row.id,
        price=_amount(row.new_price, row.new_currency),
        currency=row.new_currency,
        requested_by=row.requested_by,
        requested_at=row.requested_at,
    )


def has_history(session: Session, product: int) -> bool:
    """Tell whether the product's price has ever been changed, or was asked to be."""
    return bool(session.ask(_ANY, product=product))


def _product(session: Session, ref: str) -> Any:
    item = items.one(session, ref)
    if found := session.ask(_PRODUCT, id=item.id):
        return found[0]
    raise NotFound(f"{item.sku} has just been deleted")


def _free(session: Session, wishes: Sequence[Wish]) -> set[int]:
    """Return the products whose price nobody need decide about."""
    bare = [wish.product_id for wish in wishes if wish.status != "draft" and wish.price is None]
    decided = {row.product_id for row in session.ask(_DECIDED, products=bare)} if bare else set()
    drafts = {wish.product_id for wish in wishes if wish.status == "draft"}
    return drafts | (set(bare) - decided)


def _outcome(wish: Wish, request: Any, is_free: bool, withdraw: bool) -> Outcome:
    stored = (wish.price, wish.currency)
    wanted = (wish.new_price, wish.new_currency)
    if wanted == stored:
        return "withdrawn" if request and withdraw else "unchanged"
    if is_free:
        return "applied"
    if request and wanted == (request.new_price, request.new_currency):
        # A request that went stale could never be approved: this one takes its place.
        is_stale = stored != (request.old_price, request.old_currency)
        return "requested" if is_stale else "unchanged"
    return "requested"


def _row(session: Session, wish: Wish, outcome: str) -> dict[str, Any]:
    return {
        "product_id": wish.product_id,
        "old_price": wish.price,
        "old_currency": wish.currency,
        "new_price": wish.new_price,
        "new_currency": wish.new_currency,
        "state": outcome,
        "requested_by": session.command.actor,
        "reason": "",
        "requested_at": session.now,
        "decided_at": session.now if outcome == "applied" else None,
    }


def _history(row: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        "state": row.state,
        "old_price": _amount(row.old_price, row.old_currency),
        "old_currency": row.old_currency,
        "price": _amount(row.new_price, row.new_currency),
        "currency": row.new_currency,
        "requested_by": row.requested_by,
        "requested_at": row.requested_at,
        "decided_by": row.decided_by,
        "decided_at": row.decided_at,
        "reason": row.reason or None,
    }


def _shown(session: Session, row: Any) -> PriceChangeRow:
    stale = (row.old_price, row.old_currency) != (row.present, row.present_currency)
    until = session.now if row.decided_at is None else row.decided_at
    return PriceChangeRow(
        **_history(row),
        sku=row.sku,
        stale=row.state == "requested" and stale,
        age=instants.display_duration(max(0, until - row.requested_at)),
    )


def _amount(price: int | None, currency: str | None) -> str | None:
    return None if price is None or currency is None else money.display(price, currency)
