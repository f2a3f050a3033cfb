"""Proof: every chain replayed, every count compared with what it is derived from.

`verify` reads the ledger from the first movement to the last, in one snapshot and in flat memory,
and believes nothing that is stored beside it.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from bvinv.core import text
from bvinv.core.checks.every import CHECKS
from bvinv.core.db import Session, Sql
from bvinv.core.errors import InvalidInput, VerificationFailed
from bvinv.core.ledger import CUSTOMER, NUMBERS, VIRTUAL_ENDS, genesis
from bvinv.core.models.base import Row
from bvinv.core.models.reservation import OPEN
from bvinv.core.models.warehouse import SELLABLE

MOST_FINDINGS = 100
_OUTSIDE = frozenset({"", *(name.lower() for name in VIRTUAL_ENDS)})

_LEVELS = Sql("""
    SELECT l.id, p.sku, w.code AS warehouse, l.on_hand, l.unsellable, l.reserved, l.head_seq
         , l.head_hash, l.warehouse_id, l.product_id
      FROM stock_level AS l JOIN product AS p ON p.id = l.product_id
           JOIN warehouse AS w ON w.id = l.warehouse_id
     WHERE l.id > :after ORDER BY l.id LIMIT :batch
""")
# Numbers, then the words as `ledger.link` joins them: one column is read faster than six.
_MOVEMENTS = """
    SELECT level_id, level_seq, quantity, on_hand_change, reserved_change, on_hand, reserved
         , occurred_at, recorded_at, reverses, from_bin, to_bin
         , kind || '\x1f' || reason || '\x1f' || from_bin || '\x1f' || to_bin || '\x1f' || document
           || '\x1f' || actor || CASE lot WHEN '' THEN '' ELSE '\x1f' || lot END
         , previous_hash, hash, lot
      FROM movement {order}
"""
_AS_WRITTEN = Sql(_MOVEMENTS.format(order="ORDER BY id"))
_BY_LEVEL = Sql(
    _MOVEMENTS.format(order="WHERE level_id BETWEEN :first AND :last ORDER BY level_id, level_seq")
)
_BINS = Sql("SELECT id, warehouse_id, code, kind FROM bin")
_BIN_LEVELS = Sql("""
    SELECT level_id, bin_id, lot, quantity FROM bin_level WHERE level_id BETWEEN :first AND :last
""")
_HELD = Sql(f"""
    SELECT level_id, sum(held) AS held FROM reservation_line
     WHERE {OPEN} AND level_id BETWEEN :first AND :last GROUP BY level_id
""")
_COUNTS = Sql("""
    SELECT (SELECT count(*) FROM movement) AS movements
         , (SELECT count(*) FROM reservation) AS reservations
""")
_POPULARITY = Sql("SELECT id, sku, popularity FROM product")
# Looked for when fewer movements found their level than there are.
_STRAY = Sql("""
    SELECT m.id AS subject FROM movement AS m WHERE NOT EXISTS
           (SELECT 1 FROM stock_level AS l WHERE l.id = m.level_id) LIMIT 100
""")


class Finding(Row):
    """One thing that is wrong: where, and what. `movement` is a level_seq, 0 for none."""

    sku: str = ""
    warehouse: str = ""
    subject: str = ""
    movement: int = 0
    detail: str


class VerificationRow(Row):
    """What was read, the digest of all heads, and what is wrong; sound means nothing is."""

    levels: int
    movements: int
    reservations: int
    head: str
    sound: bool
    findings: list[Finding]


def verify(session: Session, *, against: str | None = None, batch: int = 20_000) -> VerificationRow:
    """Replay every chain and compare every count; return the first findings, 100 at most.

    The head is a SHA-256 over every level's SKU, warehouse and chain head, by SKU and warehouse:
    equal books have equal heads, on either engine. `against` is a head that was kept elsewhere;
    a chain alone cannot show that its tail was cut off. Raises InvalidInput when it is no digest.

    `batch` levels are kept in memory at once.
    """
    if against is not None:
        against = _checked_digest(against)
    session.unhurried()
    findings: list[Finding] = []
    heads: list[bytes] = []
    count = movements = after = 0
    sold: dict[int, int | None] = {}
    places: dict[int, _Places] = {}
    for row in session.ask(_BINS):
        places.setdefault(row.warehouse_id, _Places())[row.code] = (row.id, row.kind)
    while page := session.ask(_LEVELS, after=after, batch=batch):
        alone = after == 0 and len(page) < batch
        after = page[-1].id
        movements += _verify_page(session, page, alone, places, sold, findings)
        heads += [_head(row) for row in page]
        count += len(page)
    findings += _popularity(session, sold)
    for detail, statement in CHECKS.items():
        findings += [
            Finding(subject=str(row.subject), detail=detail)
            for row in session.ask(statement, now=session.now)
        ]
    [counts] = session.ask(_COUNTS)
    if counts.movements != movements:
        findings += [
            Finding(subject=str(row.subject), detail="a movement belongs to no level")
            for row in session.ask(_STRAY)
        ]
    found = _digest(heads)
    if against is not None and found != against:
        findings.append(Finding(subject="head", detail=f"it is {found}, not the one that was kept"))
    return VerificationRow(
        levels=count,
        movements=counts.movements,
        reservations=counts.reservations,
        head=found,
        sound=not findings,
        findings=findings[:MOST_FINDINGS],
    )


def head(session: Session) -> str:
    """Return the digest of all chain heads as 64 hexadecimal digits, without replaying them."""
    heads = []
    after = 0
    while page := session.ask(_LEVELS, after=after, batch=5000):
        heads += [_head(row) for row in page]
        after = page[-1].id
    return _digest(heads)


def require_sound(row: VerificationRow) -> None:
    """Raise VerificationFailed with the findings, if there are any."""
    if row.sound:
        return
    errors = [
        {key: value for key, value in finding.record().items() if value} for finding in row.findings
    ]
    for error, finding in zip(errors, row.findings, strict=True):
        where = f"{finding.sku} at {finding.warehouse}" if finding.sku else finding.subject
        step = f", movement {finding.movement}" if finding.movement else ""
        error["detail"] = f"{where}{step}: {finding.detail}"
    raise VerificationFailed(f"the books do not balance: {len(errors)} found", errors=errors)


def _checked_digest(against: str) -> str:
    kept = against.strip().lower()
    if len(kept) != 64 or set(kept) - set("0123456789abcdef"):
        raise InvalidInput(
            f"a head is 64 hexadecimal digits, not {text.quoted(against)}",
            hint="bvinv stock verify --head prints one",
        )
    return kept


def _head(row: Any) -> bytes:
    said = f"{text.key(row.sku)}\x1f{row.warehouse}\x1f{row.head_seq}\x1f".encode()
    return said + bytes(row.head_hash)


def _digest(heads: list[bytes]) -> str:
    digest = hashlib.sha256()
    for one in sorted(heads):
        digest.update(hashlib.sha256(one).digest())
    return digest.hexdigest()


def _popularity(session: Session, sold: Mapping[int, int | None]) -> Iterator[Finding]:
    """Yield the products that say they sold another number of pieces than their chains do. Nobody
    knows what a broken chain sold."""
    for number, sku, popularity in session.stream(_POPULARITY):
        if sold.get(number, 0) not in (None, popularity):
            yield Finding(subject=sku, detail="its popularity is not what its movements sold")


# What a movement between two ends does: the bin that gives, the bin that gets ("" for none), and
# for every piece the change of on hand and of what was sold.
Effect = tuple[str, str, int, int]


class _Places(dict[str, tuple[int, str]]):
    """The bins of a warehouse, id and kind by code, and what goes on between them."""

    def __init__(self) -> None:
        super().__init__()
        self.effects = _Effects(self)


class _Effects(dict[tuple[str, str], Effect]):
    """What a movement between two ends does; with an end that is not there, what none can do."""

    def __init__(self, places: _Places) -> None:
        super().__init__()
        self._places = places

    def __missing__(self, ends: tuple[str, str]) -> Effect:
        origin, target = ("" if name in _OUTSIDE else name for name in ends)
        if any(name and name not in self._places for name in (origin, target)):
            effect = ("", "", 2, 0)
        else:
            gives, gets = (
                bool(name) and self._places[name][1] in SELLABLE for name in (origin, target)
            )
            sold = (ends[1] == CUSTOMER.code) - (ends[0] == CUSTOMER.code)
            effect = (origin, target, gets - gives, sold)
        self[ends] = effect
        return effect


class _Chain:
    """The replay of one level: what its movements alone say about it."""

    __slots__ = (
        *("bins", "fault", "hash", "on_hand", "places"),
        *("reserved", "reversed", "row", "seq", "sold"),
    )

    def __init__(self, row: Any, places: _Places) -> None:
        self.row = row
        self.places = places  # the bins of its warehouse: id and kind by code
        self.seq = 0
        self.on_hand = 0
        self.reserved = 0
        self.sold = 0
        self.hash = genesis(row.sku, row.warehouse)
        self.bins: dict[str, int] = {}
        self.reversed: set[int] = set()
        self.fault: tuple[int, str] | None = None

    def why(self, movement: Sequence[Any], found: bytes) -> str:
        """Return why the movement cannot come next; `found` is the hash that it should have."""
        _, seq, _, on_hand_change, reserved_change, on_hand, reserved, *_ = movement
        if seq != self.seq + 1:
            return f"movement {self.seq + 1} is missing"
        if movement[13] != self.hash:
            return "the chain is broken: it does not follow the movement before it"
        if movement[14] != found:
            return "it was changed after it was written: its hash does not fit"
        if (on_hand, reserved) != (self.on_hand + on_hand_change, self.reserved + reserved_change):
            return "its results do not follow from the movements before it"
        return f"{reserved} reserved of {on_hand} on hand"

    def wrong_effect(self, origin: str, target: str, quantity: int, change: int) -> str:
        """Return why the bins of a movement do not fit its change of what is on hand."""
        for name in (origin, target):
            if name not in _OUTSIDE and name not in self.places:
                return f"there is no bin {name}"
        does = self.places.effects[origin, target][2] * quantity
        return f"its bins change what is on hand by {does}, it says {change}"

    def undo(self, seq: int, reverses: int) -> None:
        """Note that a movement is reversed, which may happen once."""
        if reverses in self.reversed:
            self.fault = (seq, f"movement {reverses} is reversed a second time")
        self.reversed.add(reverses)

    def faults(
        self, stored_bins: dict[tuple[int, str], int], held: int
    ) -> Iterator[tuple[int, str]]:
        """Yield what is wrong, the chain's own fault first, then counts that do not follow."""
        row = self.row
        if self.fault:
            yield self.fault
            return
        if row.head_seq != self.seq or bytes(row.head_hash) != self.hash:
            yield self.seq, f"the level ends at {row.head_seq}, its chain at {self.seq}"
        if row.on_hand != self.on_hand:
            yield 0, f"on hand is {row.on_hand}, its movements add up to {self.on_hand}"
        if row.reserved != self.reserved:
            yield 0, f"reserved is {row.reserved}, its movements add up to {self.reserved}"
        if row.reserved != held:
            yield 0, f"reserved is {row.reserved}, its reservations hold {held}"
        sellable = unsellable = 0
        for name, quantity in self.bins.items():
            code, _, lot = name.partition("\x1f")
            number, kind = self.places[code]
            sellable += quantity if kind in SELLABLE else 0
            unsellable += 0 if kind in SELLABLE else quantity
            stored = stored_bins.pop((number, lot), 0)
            if stored != quantity:
                yield 0, f"a bin has {stored}, its movements add up to {quantity}"
        for quantity in stored_bins.values():
            if quantity:
                yield 0, f"a bin has {quantity}, which no movement brought"
        if sellable != row.on_hand:
            yield 0, f"on hand is {row.on_hand}, its sellable bins hold {sellable}"
        if unsellable != row.unsellable:
            yield 0, f"unsellable is {row.unsellable}, its bins hold {unsellable}"


def _replay(movements: Iterable[Sequence[Any]], chains: Mapping[int, _Chain]) -> int:
    """Append each movement to its chain as far as it fits; return how many found their chain.

    Millions pass here: what `ledger.link` does is written out, nothing is called that need not
    be, and a chain leaves at its first fault.
    """
    pack, sha256 = NUMBERS.pack, hashlib.sha256
    sound = dict(chains)
    count = 0
    for movement in movements:
        (
            level, seq, quantity, change, held, on_hand, reserved, at, told, back,
            origin, target, words, previous, digest, lot,
        ) = movement  # fmt: skip
        chain = sound.get(level)
        if chain is None:
            count += level in chains
            continue
        count += 1
        numbers = pack(seq, quantity, change, held, on_hand, reserved, at, told, back)
        found = sha256(chain.hash + numbers + words.encode()).digest()
        if (
            digest != found
            or previous != chain.hash
            or seq != chain.seq + 1
            or on_hand != chain.on_hand + change
            or reserved != chain.reserved + held
            or not 0 <= reserved <= on_hand
        ):
            chain.fault = (seq, chain.why(movement, found))
            del sound[level]
            continue
        chain.seq = seq
        chain.on_hand = on_hand
        chain.reserved = reserved
        chain.hash = found
        if origin or target or change:
            gives, gets, sellable, sold = chain.places.effects[origin, target]
            bins = chain.bins
            if lot:
                gives, gets = gives and f"{gives}\x1f{lot}", gets and f"{gets}\x1f{lot}"
            if gives:
                bins[gives] = lying = bins.get(gives, 0) - quantity
                if lying < 0:
                    chain.fault = (seq, f"bin {gives} falls to {lying}")
            if gets:
                bins[gets] = bins.get(gets, 0) + quantity
            # What customers send back was sold all the same; only an undone sale was none.
            if sold > 0 or (sold and back):
                chain.sold += sold * quantity
            if sellable * quantity != change:
                chain.fault = (seq, chain.wrong_effect(origin, target, quantity, change))
        if back:
            chain.undo(seq, back)
        if chain.fault:
            del sound[level]
    return count


def _verify_page(
    session: Session,
    page: Sequence[Any],
    alone: bool,
    places: Mapping[int, _Places],
    sold: dict[int, int | None],
    findings: list[Finding],
) -> int:
    """Replay the chains of these levels, note what each product sold, and add what is wrong;
    return how many movements that were."""
    span = {"first": page[0].id, "last": page[-1].id}
    chains: dict[int, _Chain] = {}
    count = 0
    # Rows lie on disk as they were written: read like that, where all chains fit in memory, they
    # take half the time. The first fault of a chain is then looked for in the chain's own order.
    for statement, values in ((_AS_WRITTEN, {}), (_BY_LEVEL, span)):
        if statement is _AS_WRITTEN and not alone:
            continue
        chains = {row.id: _Chain(row, places.get(row.warehouse_id) or _Places()) for row in page}
        count = _replay(session.stream(statement, **values), chains)
        if not any(chain.fault for chain in chains.values()):
            break
    bins: dict[int, dict[tuple[int, str], int]] = {}
    for row in session.ask(_BIN_LEVELS, **span):
        bins.setdefault(row.level_id, {})[row.bin_id, row.lot] = row.quantity
    held = {row.level_id: int(row.held) for row in session.ask(_HELD, **span)}
    for number, chain in chains.items():
        before = sold.get(chain.row.product_id, 0)
        sold[chain.row.product_id] = None if chain.fault or before is None else before + chain.sold
        for seq, detail in chain.faults(bins.get(number, {}), held.get(number, 0)):
            row = chain.row
            findings.append(
                Finding(sku=row.sku, warehouse=row.warehouse, movement=seq, detail=detail)
            )
    return count
