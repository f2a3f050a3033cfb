"""What has changed since an index was last brought up to date."""

from typing import Any, NamedTuple

from bvinv.core import dates, text
from bvinv.core.db import Session, Sql
from bvinv.core.search import documents, families
from bvinv.core.search.documents import BATCH, Shelf
from bvinv.core.search.state import State

# On PostgreSQL a position may stand still while there are changes behind it.
_ANY_EVENT = Sql("SELECT id FROM event AS e WHERE SINCE(e, :position) LIMIT 1")
_ANY_MOVEMENT = Sql("SELECT id FROM movement AS m WHERE SINCE(m, :position) LIMIT 1")
_SUBJECTS = Sql("""
    SELECT DISTINCT e.subject FROM event AS e
     WHERE SINCE(e, :position)
       AND (substr(e.type, 1, 8) = 'product.' OR substr(e.type, 1, 6) = 'price.')
     LIMIT :most
""")
_SHELVED = Sql("""
    SELECT 1 AS found FROM event AS e
     WHERE SINCE(e, :position) AND substr(e.type, 1, 9) = 'category.' LIMIT 1
""")
_MOVED = Sql("""
    SELECT DISTINCT l.product_id FROM movement AS m JOIN stock_level AS l ON l.id = m.level_id
     WHERE SINCE(m, :position)
""")
# To let go of a backorder moves nothing, and yet may set free what a lapsed hold had.
_PROMISED = Sql("""
    SELECT DISTINCT l.product_id FROM event AS e
      JOIN reservation_line AS r ON r.reservation_id = e.subject
      JOIN stock_level AS l ON l.id = r.level_id
     WHERE SINCE(e, :position) AND substr(e.type, 1, 12) = 'reservation.'
""")
_LAPSED = Sql("""
    SELECT DISTINCT l.product_id FROM reservation AS h
      JOIN reservation_line AS r ON r.reservation_id = h.id
      JOIN stock_level AS l ON l.id = r.level_id
     WHERE h.status = 'held' AND h.expires_at > :since AND h.expires_at <= :until
""")
# No index: looked for when a day has ended, and lots are few.
_EXPIRED = Sql("""
    SELECT DISTINCT product_id FROM lot WHERE expires_on >= :first AND expires_on < :last
""")
_ON_SHELVES = Sql("SELECT id FROM product WHERE category_id IN :shelves")
_BY_KEY = Sql("SELECT id, sku_key FROM product WHERE sku_key IN :keys")
_POPULARITY = Sql("SELECT id, popularity FROM product WHERE id IN :ids")


class Changes(NamedTuple):
    """Where a reader now stands, and which products may have changed.

    `keys` are SKUs, of products that may be gone too; `ids` those whose category changed;
    `moved` those whose stock did. `shelves` is None where no category changed.
    """

    event: int
    movement: int
    keys: list[str]
    ids: list[int]
    moved: set[int]
    shelves: dict[str, str] | None

    @property
    def products(self) -> int:
        """How many products may have changed, not counting stock."""
        return len(self.keys) + len(self.ids)


def since(session: Session, state: State, most: int) -> Changes:
    """Return what changed; more than `most` SKUs are not told apart."""
    event, movement = session.position("event"), session.position("movement")
    keys: list[str] = []
    ids: list[int] = []
    moved = set()
    shelves = None
    if session.ask(_ANY_EVENT, position=state.event):
        found = session.ask(_SUBJECTS, position=state.event, most=most + 1)
        keys = [text.key(row.subject) for row in found]
        moved |= {row.product_id for row in session.ask(_PROMISED, position=state.event)}
        if session.ask(_SHELVED, position=state.event):
            shelves = summary(documents.shelves(session))
            ids = _on_changed_shelves(session, state.shelves, shelves)
    if session.ask(_ANY_MOVEMENT, position=state.movement):
        moved |= {row.product_id for row in session.ask(_MOVED, position=state.movement)}
    first, last = sorted((state.now, session.now))
    if first != last:
        moved |= {row.product_id for row in session.ask(_LAPSED, since=first, until=last)}
    days = {"first": dates.of(first), "last": dates.of(last)}
    if days["first"] != days["last"]:
        moved |= {row.product_id for row in session.ask(_EXPIRED, **days)}
    return Changes(event, movement, keys, ids, moved, shelves)


def summary(shelves: dict[int, Shelf]) -> dict[str, str]:
    """Return the categories as the state keeps them, to find out later which changed."""
    return {str(number): f"{shelf.slugs} {shelf.names}" for number, shelf in shelves.items()}


def present(session: Session, keys: list[str]) -> dict[str, int]:
    """Return the ids of the products with these SKUs, without those that are gone."""
    found: dict[str, int] = {}
    for first in range(0, len(keys), BATCH):
        rows = session.ask(_BY_KEY, keys=keys[first : first + BATCH])
        found |= {row.sku_key: row.id for row in rows}
    return found


def stock(session: Session, ids: list[int]) -> dict[int, tuple[int, int]]:
    """Return what the index keeps of stock: whether there is any, and how much was sold.

    Variants count for what they are variants of, in stock but not in what was sold.
    """
    available = families.available(session, ids)
    sold: list[Any] = session.ask(_POPULARITY, ids=ids)
    return {row.id: (int(available.get(row.id, 0) > 0), row.popularity) for row in sold}


def _on_changed_shelves(
    session: Session, before: dict[str, str], after: dict[str, str]
) -> list[int]:
    changed = [
        int(number)
        for number in before.keys() | after.keys()
        if before.get(number) != after.get(number)
    ]
    return [row.id for row in session.ask(_ON_SHELVES, shelves=changed)] if changed else []
