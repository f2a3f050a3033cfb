"""What the movements alone say of a level: its counts, its bins, its chain, and what it sold."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from bvinv.core.db import Session, Sql
from bvinv.core.ledger import CUSTOMER, VIRTUAL_ENDS, genesis, link
from bvinv.core.models.warehouse import SELLABLE

_OUTSIDE = frozenset({"", *(name.lower() for name in VIRTUAL_ENDS)})
_MOVEMENTS = Sql("""
    SELECT level_id, id, level_seq, quantity, on_hand_change, reserved_change, on_hand, reserved
         , occurred_at, recorded_at, reverses, kind, reason, from_bin, to_bin, document, actor, lot
         , previous_hash, hash
      FROM movement WHERE level_id BETWEEN :first AND :last ORDER BY level_id, level_seq
""")
_BINS = Sql("SELECT id, warehouse_id, code, kind FROM bin")
_NAMES = Sql("SELECT id, sku FROM product WHERE id IN :products")
_WAREHOUSES = Sql("SELECT id, code FROM warehouse")


class Impossible(Exception):
    """A movement that cannot be the next of its level: its id, and why."""

    def __init__(self, movement: int, why: str) -> None:
        super().__init__(why)
        self.movement = movement
        self.why = why


class Projected:
    """A level as its movements leave it; `bins` by id and lot."""

    __slots__ = ("bins", "hash", "on_hand", "places", "reserved", "seq", "sold")

    def __init__(self, start: bytes, places: Mapping[str, "Place"]) -> None:
        self.hash = start
        self.places = places
        self.seq = self.on_hand = self.reserved = self.sold = 0
        self.bins: dict[tuple[int, str], int] = {}

    @property
    def unsellable(self) -> int:
        """Pieces in bins that nobody sells from."""
        kinds = {place.id: place.sellable for place in self.places.values()}
        return sum(quantity for (number, _), quantity in self.bins.items() if not kinds[number])

    def take(self, movement: Any) -> None:
        """Append a movement. Raises Impossible."""
        _, number, *numbers, kind, reason, origin, target, document, actor, lot = movement[:18]
        words = (kind, reason, origin, target, document, actor)
        found = link(self.hash, numbers, (*words, lot) if lot else words)
        seq, quantity, change, held, on_hand, reserved, _, _, reverses = numbers
        if seq != self.seq + 1:
            raise Impossible(number, f"movement {self.seq + 1} of its level is missing")
        if bytes(movement[18]) != self.hash or bytes(movement[19]) != found:
            raise Impossible(number, "its hash does not fit: it was changed after it was written")
        if (on_hand, reserved) != (self.on_hand + change, self.reserved + held):
            raise Impossible(number, "its results do not follow from the movements before it")
        for name, by in ((origin, -quantity), (target, quantity)):
            if name not in _OUTSIDE:
                self._put(number, name, lot, by)
        if not 0 <= reserved <= on_hand:
            raise Impossible(number, f"it leaves {reserved} reserved of {on_hand} on hand")
        sold = (target == CUSTOMER.code) - (origin == CUSTOMER.code)
        # What customers send back was sold all the same; only an undone sale was none.
        if sold > 0 or (sold and reverses):
            self.sold += sold * quantity
        self.seq, self.on_hand, self.reserved, self.hash = seq, on_hand, reserved, found

    def _put(self, number: int, name: str, lot: str, by: int) -> None:
        place = self.places.get(name)
        if place is None:
            raise Impossible(number, f"there is no bin {name}")
        where = (place.id, lot)
        self.bins[where] = lying = self.bins.get(where, 0) + by
        if lying < 0:
            raise Impossible(number, f"bin {name} falls to {lying}")


class Place(NamedTuple):
    """A bin: its id, and whether what lies in it can be sold."""

    id: int
    sellable: bool


class Projection:
    """The replay of levels, some at a time."""

    def __init__(self, session: Session) -> None:
        """Read movements, products and bins in this session; they are all there."""
        self._session = session
        self._codes = {row.id: row.code for row in session.ask(_WAREHOUSES)}
        self._places: dict[int, dict[str, Place]] = {code: {} for code in self._codes}
        for row in session.ask(_BINS):
            self._places[row.warehouse_id][row.code] = Place(row.id, row.kind in SELLABLE)

    def levels(self, owners: Mapping[int, tuple[int, int]]) -> dict[int, Projected]:
        """Return these levels, given as product and warehouse by id, as their movements leave them.

        Raises Impossible for the first movement that cannot be.
        """
        products = sorted({product for product, _ in owners.values()})
        names = {row.id: row.sku for row in self._session.ask(_NAMES, products=products)}
        found = {
            level: Projected(
                genesis(names.get(product, ""), self._codes.get(warehouse, "")),
                self._places.get(warehouse, {}),
            )
            for level, (product, warehouse) in owners.items()
        }
        span = {"first": min(owners), "last": max(owners)}
        for movement in self._session.stream(_MOVEMENTS, **span):
            level = found.get(movement[0])
            if level is None:
                raise Impossible(movement[1], f"there is no level {movement[0]}")
            level.take(movement)
        return found
