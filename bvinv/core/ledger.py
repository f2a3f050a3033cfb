"""The ledger: the one writer of what is on hand, what is reserved, and what was sold.

A posting appends movements to the hash chains of the levels they change and moves the levels, all
in the caller's transaction. Each level has its own chain, so that writers never queue for one tail.
"""

import hashlib
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from bvinv.core import command_log, text
from bvinv.core.command_log import Tale
from bvinv.core.db import Session, Sql
from bvinv.core.errors import Conflict, InvalidInput
from bvinv.core.models.base import MOST
from bvinv.core.models.log import Command
from bvinv.core.models.stock import LevelChange

_COLUMNS = (
    "level_id",
    "level_seq",
    "quantity",
    "on_hand_change",
    "reserved_change",
    "on_hand",
    "reserved",
    "occurred_at",
    "recorded_at",
    "reverses",
    "kind",
    "reason",
    "from_bin",
    "to_bin",
    "document",
    "actor",
    "command_id",
    "previous_hash",
    "hash",
    "lot",
)
_APPEND = Sql.insert("movement", *_COLUMNS)
# Guarded: it moves the level that was read, or none. What is impossible the CHECKs refuse.
_MOVE = Sql(
    """
    UPDATE stock_level
       SET on_hand = stock_level.on_hand + :on_hand
         , unsellable = stock_level.unsellable + :unsellable
         , reserved = stock_level.reserved + :reserved
         , in_transit = stock_level.in_transit + :in_transit
         , head_seq = :new_seq, head_hash = :new_hash
         , version = stock_level.version + 1, updated_at = :now
     WHERE stock_level.id = :level_id AND stock_level.head_seq = :old_seq
    """,
    each="level_id bigint, old_seq bigint, new_seq bigint, new_hash bytea, now bigint"
    ", on_hand bigint, unsellable bigint, reserved bigint, in_transit bigint",
)
_FILL_BIN = Sql(
    """
    UPDATE bin_level SET quantity = bin_level.quantity + :quantity
     WHERE bin_level.level_id = :level_id AND bin_level.bin_id = :bin_id AND bin_level.lot = :lot
    """,
    each="level_id bigint, bin_id bigint, lot text, quantity bigint",
)
_NEW_BIN = Sql.insert("bin_level", "level_id", "bin_id", "lot", "quantity")
_SELL = Sql("UPDATE product SET popularity = popularity + :quantity WHERE id = :product")

NUMBERS = struct.Struct(">9q")


class Place(NamedTuple):
    """One end of a movement: a bin, a virtual end (no id), or nowhere (no code).

    `rank` orders the bins of a level by which gives first; `lot` is that of the pieces meant.
    """

    code: str
    bin_id: int | None = None
    sellable: bool = False
    rank: int = 9
    lot: str = ""


_Bin = tuple[int, int, str]  # level id, bin id, lot

NOWHERE = Place("")
SUPPLIER = Place("supplier")
CUSTOMER = Place("customer")
ADJUSTMENT = Place("adjustment")
TRANSIT = Place("transit")
# No bin may bear these names: they are the ends of movements that leave or enter the house.
VIRTUAL_ENDS = frozenset({"SUPPLIER", "CUSTOMER", "ADJUSTMENT", "TRANSIT"})


class OpenLine(NamedTuple):
    """A reservation line that holds or waits for pieces of one level."""

    reservation_id: str
    level_id: int
    held: int
    backordered: int
    expires_at: int
    low_priority: int = 0


@dataclass(slots=True)
class Level:
    """A level locked by this transaction, with what its reservations still want of it.

    `lapsed` are the lines whose time has run out, `waiting` the live ones with a backorder,
    oldest first; `places` are its bins with what lies in each, loaded when goods move, and with
    them `picked`, what stands ready in staging for somebody's parcel, and `expiries`, the last good
    day of its lots. `expired` pieces are on hand, of `stale` lots; `protected` ones are its safety
    stock, where that is not for channels of low priority.
    """

    id: int
    product_id: int
    sku: str
    warehouse_id: int
    warehouse: str
    on_hand: int
    unsellable: int
    reserved: int
    in_transit: int
    head_seq: int
    head_hash: bytes
    tracks_lots: int = 0
    protected: int = 0
    expired: int = 0
    stale: set[str] = field(default_factory=set)
    lapsed: list[OpenLine] = field(default_factory=list)
    waiting: list[OpenLine] = field(default_factory=list)
    places: dict[Place, int] = field(default_factory=dict)
    places_loaded: bool = False
    picked: dict[Place, int] = field(default_factory=dict)
    expiries: dict[str, int | None] = field(default_factory=dict)
    before: tuple[int, ...] = (0, 0, 0, 0, 0)

    @property
    def free(self) -> int:
        """Pieces that nobody holds: on hand and still good, less live holds."""
        lapsed = sum(line.held for line in self.lapsed)
        return self.on_hand - self.expired - self.reserved + lapsed

    @property
    def available(self) -> int:
        """Pieces that can be promised: free less what waits for them."""
        return self.free - sum(line.backordered for line in self.waiting)

    def available_to(self, *, low_priority: bool) -> int:
        """Return the pieces that can be promised to a channel of this priority.

        Backorders of low priority claim nothing of the safety stock either, so what they wait for
        never keeps it from the others.
        """
        if low_priority or not self.protected:
            return self.available - (self.protected if low_priority else 0)
        low = sum(line.backordered for line in self.waiting if line.low_priority)
        left = self.available + low
        return left - min(low, max(left - self.protected, 0))

    def counts(self) -> tuple[int, ...]:
        """Return what a posting changes: on hand, unsellable, reserved, in transit, and the chain's
        length."""
        return (self.on_hand, self.unsellable, self.reserved, self.in_transit, self.head_seq)

    def changed_from(self, before: tuple[int, ...]) -> LevelChange:
        """Return what happened to the level since it had these counts."""
        return LevelChange(
            sku=self.sku,
            warehouse=self.warehouse,
            on_hand_before=before[0],
            on_hand=self.on_hand,
            reserved_before=before[2],
            reserved=self.reserved,
        )


def genesis(sku: str, warehouse: str) -> bytes:
    """Return the hash that a level's chain starts from; it binds the chain to its level."""
    return hashlib.sha256(f"bvinv/1\x1f{text.key(sku)}\x1f{warehouse}".encode()).digest()


def link(previous: bytes, numbers: Sequence[int], words: Sequence[str]) -> bytes:
    """Return the SHA-256 of a movement and the hash before it.

    `numbers` are level_seq, quantity, on_hand_change, reserved_change, on_hand, reserved,
    occurred_at, recorded_at and reverses, as big-endian 64-bit integers; `words` are kind, reason,
    from_bin, to_bin, document, actor and, where pieces have one, the lot as UTF-8, joined by the
    unit separator (0x1F), which none of them can contain. Row ids are left out: a copy of the
    ledger has the same hashes.
    """
    packed = previous + NUMBERS.pack(*numbers) + "\x1f".join(words).encode()
    return hashlib.sha256(packed).digest()


class Posting:
    """Movements and events of one transaction, written together when it is complete."""

    def __init__(self, session: Session) -> None:
        """Begin a posting in the caller's write transaction."""
        self._session = session
        self._movements: list[dict[str, Any]] = []
        self._levels: dict[int, Level] = {}
        self._bins: dict[_Bin, int] = {}
        self._new_bins: dict[_Bin, int] = {}
        self._sold: dict[int, int] = {}
        self._tales: list[Tale] = []
        self._short: dict[int, Command] = {}

    def post(
        self,
        level: Level,
        kind: str,
        quantity: int,
        *,
        origin: Place = NOWHERE,
        target: Place = NOWHERE,
        reserved: int = 0,
        reason: str = "",
        document: str = "",
        occurred_at: int | None = None,
        reverses: int = 0,
        command: Command | None = None,
    ) -> None:
        """Append one movement of `quantity` pieces; `reserved` is -1, 0 or 1 times all of them.

        The lot is that of `origin`, or of `target` where pieces enter the house. Whoever calls has
        checked that it is possible; the database refuses it otherwise.
        """
        command = command or self._session.command
        now = self._session.now
        occurred_at = now if occurred_at is None else occurred_at
        lot = origin.lot or target.lot
        if target.bin_id is not None and target.lot != lot:
            target = target._replace(lot=lot)
        on_hand_change = (target.sellable - origin.sellable) * quantity
        reserved_change = reserved * quantity
        level.on_hand += on_hand_change
        if level.on_hand > MOST:
            raise InvalidInput(f"{level.sku} at {level.warehouse} would have more than {MOST}")
        level.reserved += reserved_change
        level.unsellable += self._put(level, target, quantity) + self._put(level, origin, -quantity)
        if target is CUSTOMER or (reverses and origin is CUSTOMER):
            sold = quantity if target is CUSTOMER else -quantity
            self._sold[level.product_id] = self._sold.get(level.product_id, 0) + sold
        level.head_seq += 1
        numbers = (
            level.head_seq,
            quantity,
            on_hand_change,
            reserved_change,
            level.on_hand,
            level.reserved,
            occurred_at,
            now,
            reverses,
        )
        words = (kind, reason, origin.code, target.code, document, command.actor)
        previous = level.head_hash
        level.head_hash = link(previous, numbers, (*words, lot) if lot else words)
        self._levels[level.id] = level
        row = (level.id, *numbers, *words, command, previous, level.head_hash, lot)
        self._movements.append(dict(zip(_COLUMNS, row, strict=True)))

    def transit(self, level: Level, by: int) -> None:
        """Change what is on its way to a level from other warehouses by this many pieces."""
        level.in_transit += by
        self._levels[level.id] = level

    def tell(
        self, kind: str, subject: str, data: dict[str, Any], command: Command | None = None
    ) -> None:
        """Add an event, to be written with the movements."""
        self._tales.append(Tale(kind, subject, data, command or self._session.command))

    def fall_short(self, level: Level, command: Command | None = None) -> None:
        """Note that more is promised of a level than it has, so that it is ordered."""
        self._short.setdefault(level.id, command or self._session.command)

    def write(self) -> None:
        """Write everything: commands, movements, levels, bins, events. Raises Conflict when a
        level moved although it was locked, which only a second program could do."""
        session = self._session
        command_log.record(session, *(movement["command_id"] for movement in self._movements))
        for movement in self._movements:
            movement["command_id"] = movement["command_id"].id
        session.send(_APPEND, self._movements)
        moves = [_moved(level, session.now) for level in self._levels.values()]
        if session.send(_MOVE, moves) != len(moves):
            raise Conflict("a level moved while it was locked", hint="try again")
        session.send(_NEW_BIN, _bin_rows(self._new_bins))
        if session.send(_FILL_BIN, _bin_rows(self._bins)) != len(self._bins):
            raise Conflict("a bin vanished while its level was locked", hint="try again")
        sold = sorted(self._sold.items())
        session.send(_SELL, [{"product": number, "quantity": pieces} for number, pieces in sold])
        command_log.tell(session, self._tales)
        for level in self._levels.values():
            first, _ = session.touched.get(level.id, (level.before, level))
            session.touched[level.id] = (first, level)
            level.before = level.counts()
        if self._short:
            # Loaded here alone: hardly any posting gets to this point, and all would wait for it.
            from bvinv.core.replenishment import shortfalls

            shortfalls.suggest(session, self._short)

    def _put(self, level: Level, place: Place, by: int) -> int:
        """Note what comes into a bin or goes out; return the change of unsellable pieces."""
        if place.bin_id is None:
            return 0
        where = (level.id, place.bin_id, place.lot)
        if not level.places_loaded:
            raise AssertionError("the bins of a level are loaded before goods move")
        if place not in level.places or where in self._new_bins:
            self._new_bins[where] = self._new_bins.get(where, 0) + by
        else:
            self._bins[where] = self._bins.get(where, 0) + by
        level.places[place] = level.places.get(place, 0) + by
        if place.sellable and place.lot in level.stale:
            level.expired += by
        return 0 if place.sellable else by


@contextmanager
def posting(session: Session) -> Iterator[Posting]:
    """Yield a posting, and write it when the block ends well."""
    current = Posting(session)
    yield current
    # From here on nothing can fail.
    current.write()


def _moved(level: Level, now: int) -> dict[str, Any]:
    on_hand, unsellable, reserved, in_transit, seq = level.before
    return {
        "level_id": level.id,
        "old_seq": seq,
        "on_hand": level.on_hand - on_hand,
        "unsellable": level.unsellable - unsellable,
        "reserved": level.reserved - reserved,
        "in_transit": level.in_transit - in_transit,
        "new_seq": level.head_seq,
        "new_hash": level.head_hash,
        "now": now,
    }


def _bin_rows(bins: dict[_Bin, int]) -> list[dict[str, Any]]:
    return [
        {"level_id": level, "bin_id": place, "lot": lot, "quantity": quantity}
        for (level, place, lot), quantity in bins.items()
    ]
