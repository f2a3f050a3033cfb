"""Posting a count: what was counted less what the record said, less what corrected the record
since. So goods may move between counting and posting, and two people who find the same error do
not post it twice.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bvinv.core import documents, holds, levels, reasons, shortages
from bvinv.core.counts import count_ledger, count_rows
from bvinv.core.counts.count_ledger import Since
from bvinv.core.db import Session, Sql
from bvinv.core.errors import Conflict, InsufficientStock
from bvinv.core.ledger import ADJUSTMENT, Level, Place, Posting, posting
from bvinv.core.levels import rank
from bvinv.core.models.count import RECOUNT, CountRow
from bvinv.core.models.warehouse import SELLABLE

FOUND, LOST = "found", "lost"  # the reasons, unless another is given
LISTED = 50  # lines in an error

_LINES = Sql("""
    SELECT c.bin_id, c.level_id, c.lot, c.counted, c.expected, c.level_seq, c.state, c.counted_at
         , b.code, b.kind, s.product_id
      FROM stock_count_line AS c JOIN bin AS b ON b.id = c.bin_id
           JOIN stock_level AS s ON s.id = c.level_id JOIN product AS p ON p.id = s.product_id
     WHERE c.count_id = :count AND c.state <> 'posted' ORDER BY b.code, p.sku_key, c.lot
""")
_POSTED = Sql("""
    UPDATE stock_count_line SET state = 'posted', posted_seq = :seq
     WHERE count_id = :count AND bin_id = :bin AND level_id = :level AND lot = :lot
""")
_AGAIN = Sql("""
    UPDATE stock_count_line SET state = 'recount'
     WHERE count_id = :count AND bin_id = :bin AND level_id = :level AND lot = :lot
""")
_CLOSE = Sql("""
    UPDATE stock_count
       SET status = :status, updated_at = :now
         , closed_at = CASE WHEN :status = 'posted' THEN :now END
     WHERE id = :count
""")


@dataclass(slots=True)
class _Line:
    """A line that is to be posted, with `by` how many pieces; `why` says what stands against it."""

    row: Any
    level: Level
    place: Place
    since: Since
    by: int
    why: str = ""

    def told(self) -> dict[str, Any]:
        lot = f" lot {self.place.lot}" if self.place.lot else ""
        where = f"{self.level.sku}{lot} in {self.place.code}"
        return {
            "sku": self.level.sku,
            "bin": self.place.code,
            "lot": self.place.lot or None,
            "detail": f"{where}: {self.why}",
        }


def post(
    session: Session,
    *,
    count: str,
    accept: bool = False,
    skip: bool = False,
    reason: str | None = None,
    break_newest: bool = False,
) -> CountRow:
    """Post what a count found and close it; what nobody counted stays as it is.

    A movement of kind `count`, which happened when it was counted, brings each bin to what was
    counted there and what moved since. Its reason is `found` or `lost`, unless one is given. All
    or nothing: lines that wait for a recount are refused unless `accept` takes them as they are,
    and so are those that cannot be right (more has left the bin since than was counted) or would
    take pieces that others hold, unless `break_newest` turns the newest holds into backorders.
    With `skip` these lines wait for a recount, the others are posted, and the count stays open.

    Raises NotFound, InvalidInput (reason), Conflict (closed, nothing counted, to be counted
    again), InsufficientStock.
    """
    found = count_rows.alone(session, documents.row_id("CT", count))
    number = documents.number("CT", found.id)
    lines = _lines(session, found)
    if not lines:
        raise Conflict(
            f"nothing was counted in {number}",
            hint=f"count first: bvinv stock count add {number} REF --bin B --qty N",
            count=number,
        )
    if not accept:
        _find_unsettled(lines)
        if not skip:
            _refuse_unsettled(number, lines)
    _find_impossible(lines)
    short = [] if break_newest else _find_held(lines)
    if not skip:
        _refuse_conflicts(session, number, lines, short)
    good = [line for line in lines if not line.why]
    named = _reasons(session, good, reason)
    left = count_rows.uncounted_places(session, found)
    with posting(session) as current:
        posted = _post(session, current, good, named, number, break_newest)
        _write(session, found.id, lines, posted)
        changes = [line.by for line in good]
        told = {
            "warehouse": found.warehouse,
            "lines": len(good),
            "found": sum(by for by in changes if by > 0),
            "lost": -sum(by for by in changes if by < 0),
            "recount": len(lines) - len(good),
            "uncounted": left,
            "changes": [[line.level.sku, line.place.code, line.by] for line in good if line.by],
        }
        current.tell("count.posted", number, told)
    return count_rows.show(session, count=number, uncounted=left)


def _lines(session: Session, found: Any) -> list[_Line]:
    """Return what is not posted yet, its levels locked, and what each line would post."""
    rows = session.ask(_LINES, count=found.id)
    locked = levels.lock(session, {row.product_id for row in rows}, {found.warehouse_id})
    levels.load_places(session, locked.values())
    happened = count_ledger.of_count(session, found.id)
    lines = []
    for row in rows:
        since = happened.get((row.bin_id, row.level_id, row.lot), count_ledger.NOTHING)
        place = Place(row.code, row.bin_id, row.kind in SELLABLE, rank(row.kind), row.lot)
        level = locked[row.product_id, found.warehouse_id]
        by = row.counted - row.expected - since.corrected
        lines.append(_Line(row, level, place, since, by))
    return lines


def _find_unsettled(lines: Iterable[_Line]) -> None:
    for line in lines:
        if line.row.state == RECOUNT:
            line.why = f"{line.row.counted} counted, which differs"
        elif line.since.undone:
            line.why = "a movement from before the count was undone"


def _find_impossible(lines: Iterable[_Line]) -> None:
    """Name the lines that contradict the ledger: somebody counted wrongly, or took goods that the
    record has elsewhere."""
    for line in lines:
        counted, picked = line.row.counted, line.level.picked.get(line.place, 0)
        left = counted + line.since.change
        if line.since.least < -counted:
            line.why = f"{counted} were counted, and {-line.since.least} have left since"
        elif line.by < 0 and left < picked:
            why = "picked for parcels" if line.place.sellable else "of returns not decided on"
            line.why = f"{left} would be left, and {picked} are {why}"


def _find_held(lines: Iterable[_Line]) -> list[Level]:
    """Name the lines that would take what others hold; return their levels."""
    short = []
    for level, own in _by_level(line for line in lines if not line.why):
        sellable = [line for line in own if line.place.sellable]
        leaving, good = _leaving(level, sellable)
        held = level.reserved - sum(one.held for one in level.lapsed)
        is_short = leaving > max(level.on_hand - held, 0)
        if not is_short and good <= max(level.free, 0):
            continue
        short.append(level)
        for line in sellable:
            if line.by < 0 and (is_short or line.place.lot not in level.stale):
                line.why = f"{-line.by} are missing, and {held} of the {level.on_hand} are reserved"
    return short


def _leaving(level: Level, lines: Iterable[_Line]) -> tuple[int, int]:
    """Return how many sellable pieces fewer there will be, and how many of them have not expired:
    what has expired keeps nobody's promise. What is found and what is lost make up for each other.
    """
    sellable = [line for line in lines if line.place.sellable]
    good = [line.by for line in sellable if line.place.lot not in level.stale]
    return -sum(line.by for line in sellable), -sum(good)


def _refuse_unsettled(number: str, lines: Iterable[_Line]) -> None:
    if waiting := [line for line in lines if line.why]:
        raise Conflict(
            f"{_some(waiting, number)} to be counted again",
            hint=f"count again: bvinv stock count add {number} …; or post with --skip or --accept",
            errors=[line.told() for line in waiting[:LISTED]],
            count=number,
            recount=len(waiting),
        )


def _refuse_conflicts(
    session: Session, number: str, lines: Iterable[_Line], short: Sequence[Level]
) -> None:
    if bad := [line for line in lines if line.why]:
        who, held = shortages.holders(session, short)
        raise InsufficientStock(
            f"{_some(bad, number)} not to be posted{who}",
            hint=f"count again, or post with --skip{' or --break newest' if short else ''}",
            errors=[line.told() for line in bad[:LISTED]],
            count=number,
            holders=held,
        )


def _some(lines: Sequence[_Line], number: str) -> str:
    return f"1 line of {number} is" if len(lines) == 1 else f"{len(lines)} lines of {number} are"


def _reasons(session: Session, lines: Iterable[_Line], reason: str | None) -> dict[bool, str]:
    """Return the reason for what is found (True) and what is lost. Raises InvalidInput."""
    if reason is not None:
        given = reasons.checked(session, reason)
        return {True: given, False: given}
    ways = {line.by > 0 for line in lines if line.by}
    return {way: reasons.checked(session, FOUND if way else LOST) for way in ways}


def _post(
    session: Session,
    current: Posting,
    lines: Iterable[_Line],
    named: Mapping[bool, str],
    number: str,
    break_newest: bool,
) -> list[tuple[_Line, int]]:
    """Post these lines; return each with the level_seq of its movement, 0 for none.

    What is found goes first: pieces that only lie in another bin than the record says take
    nothing from anybody.
    """
    posted: list[tuple[_Line, int]] = []
    for level, own in _by_level(lines):
        leaving, good = _leaving(level, own)
        if max(leaving, good) > 0:
            shortages.make_room(
                session, current, level, leaving, break_newest=break_newest, stale=leaving - good
            )
        for line in sorted(own, key=lambda line: line.by, reverse=True):
            if line.by:
                current.post(
                    level,
                    "count",
                    abs(line.by),
                    origin=ADJUSTMENT if line.by > 0 else line.place,
                    target=line.place if line.by > 0 else ADJUSTMENT,
                    reason=named[line.by > 0],
                    document=number,
                    occurred_at=line.row.counted_at,
                )
            posted.append((line, level.head_seq if line.by else 0))
        if any(line.by for line in own):
            holds.fill(session, current, level)
    return posted


def _write(
    session: Session, count_id: int, lines: Iterable[_Line], posted: Iterable[tuple[_Line, int]]
) -> None:
    """Write what became of each line, and of the count."""
    session.send(_POSTED, [_key(count_id, line) | {"seq": seq} for line, seq in posted])
    again = [_key(count_id, line) for line in lines if line.why]
    session.send(_AGAIN, again)
    status = "open" if again else "posted"
    session.send(_CLOSE, [{"count": count_id, "status": status, "now": session.now}])


def _key(count_id: int, line: _Line) -> dict[str, Any]:
    return {
        "count": count_id,
        "bin": line.row.bin_id,
        "level": line.row.level_id,
        "lot": line.row.lot,
    }


def _by_level(lines: Iterable[_Line]) -> list[tuple[Level, list[_Line]]]:
    """Return the levels of these lines in the order in which they are locked, with their lines."""
    own: dict[int, list[_Line]] = {}
    touched: dict[int, Level] = {}
    for line in lines:
        touched[line.level.id] = line.level
        own.setdefault(line.level.id, []).append(line)
    return [(touched[number], own[number]) for number in own]
