"""A reservation that somebody picks: locked, with its lists, and what is often asked of it."""

from collections.abc import Sequence
from typing import NamedTuple

from bvinv.core import command_log, documents, items, levels, promises, text, warehouses
from bvinv.core.db import Session
from bvinv.core.errors import Conflict, InsufficientStock
from bvinv.core.fulfilment import picks
from bvinv.core.fulfilment.picks import Line
from bvinv.core.ledger import Level, Place, Posting
from bvinv.core.promises import Part

Chosen = list[tuple[Line, int]]  # lines, and the pieces that are picked for them


class Work(NamedTuple):
    """A reservation that somebody picks, locked: its open lines and those of its lists."""

    id: str
    parts: dict[int, Part]  # by level id
    lines: list[Line]
    by_level: dict[int, list[Line]]

    def level(self, line: Line) -> Level:
        """Return the level that the line takes from."""
        return self.parts[line.level_id].level

    def is_stale(self, line: Line) -> bool:
        """Tell whether a line's lot has expired since it was listed."""
        part = self.parts.get(line.level_id)
        return part is not None and line.origin.lot in part.level.stale

    def staged(self, level_id: int) -> int:
        """Return the pieces of a level that stand in staging for the reservation."""
        return sum(line.staged for line in self.by_level.get(level_id, ()))

    def listed(self, level_id: int) -> int:
        """Return the pieces of a level that are still to be fetched."""
        return sum(line.left for line in self.by_level.get(level_id, ()))


def at_work(session: Session, reservation_id: str) -> Work:
    """Return a live reservation that is being picked, locked with its levels.

    Raises NotFound, and Conflict when it is over or nobody began to pick it.
    """
    found = promises.live(session, reservation_id)
    found_work = work(session, found.id, promises.live_parts(session, found))
    if not any(one.status in ("open", "picked") for one in picks.lists(session, found.id)):
        raise Conflict(
            f"nobody picks reservation {found.id} yet",
            hint=f"make the list: bvinv reserve pick {found.id}",
            reservation_id=found.id,
        )
    return found_work


def add(session: Session, reservation_id: str, added: Sequence[tuple[Level, Place, int]]) -> None:
    """Write new lines: pieces of these levels, from these places, to staging."""
    sites = warehouses.sites(session)
    wanted = sorted({level.warehouse for level, _, _ in added})
    command_log.record(session, session.command)
    staging = {code: warehouses.bin_of_kind(session, sites[code], "staging") for code in wanted}
    numbers = picks.open_lists(session, reservation_id, [sites[code].id for code in wanted])
    listed = {
        (line.pick_id, line.level_id, line.origin): line
        for line in picks.lines(session, reservation_id)
    }
    for level, place, quantity in added:
        number = numbers[level.warehouse_id]
        line = listed.setdefault(
            (number, level.id, place), new_line(number, level, place, staging[level.warehouse], 0)
        )
        line.quantity += quantity
    picks.save(session, listed.values())


def new_line(number: int, level: Level, origin: Place, target: Place, quantity: int) -> Line:
    """Return a line that is not written yet: pieces to bring from a bin to staging."""
    return Line(
        id=0,
        pick_id=number,
        level_id=level.id,
        quantity=quantity,
        picked=0,
        short=0,
        returned=0,
        packed=0,
        shipped=0,
        product_id=level.product_id,
        sku=level.sku,
        title="",
        warehouse=level.warehouse,
        origin=origin,
        target=target._replace(lot=origin.lot),
    )


def tell(
    current: Posting, kind: str, reservation_id: str, pieces: Sequence[tuple[Line, int]]
) -> None:
    """Tell of each list that pieces were moved for, and how many."""
    told: dict[int, list[tuple[str, int]]] = {}
    for line, quantity in pieces:
        told.setdefault(line.pick_id, []).append((line.sku, quantity))
    for number, lines in told.items():
        data = {
            "reservation_id": reservation_id,
            "quantity": sum(quantity for _, quantity in lines),
            "lines": lines,
        }
        current.tell(kind, documents.number("PK", number), data)


def wanted(session: Session, lines: Sequence[tuple[str, int]]) -> dict[int, tuple[str, int]]:
    """Return the SKU and the pieces of each product that these lines name. Raises NotFound,
    InvalidInput."""
    named = items.named(session, [ref for ref, _ in lines])
    found: dict[int, tuple[str, int]] = {}
    for ref, quantity in lines:
        item = named[ref]
        before = found.get(item.id, (item.sku, 0))[1]
        found[item.id] = (item.sku, before + item.pieces(text.quantity(quantity)))
    return found


def too_many(what: str, reservation_id: str, sku: str, left: int, quantity: int) -> Conflict:
    """Return the refusal of more pieces than are left to do."""
    return Conflict(
        f"{left} of {sku} are {what} for {reservation_id}, {quantity} wanted",
        hint=f"see: bvinv reserve pick {reservation_id}",
        reservation_id=reservation_id,
        sku=sku,
        left=left,
        wanted=quantity,
    )


def work(session: Session, reservation_id: str, parts: Sequence[Part]) -> Work:
    levels.load_places(session, [part.level for part in parts])
    lines = picks.lines(session, reservation_id)
    by_level: dict[int, list[Line]] = {}
    for line in lines:
        by_level.setdefault(line.level_id, []).append(line)
    return Work(reservation_id, {part.level.id: part for part in parts}, lines, by_level)


def take_off(work: Work) -> list[Line]:
    """Take off the lists what has expired since and what is no longer held; return the lines that
    changed."""
    changed = []
    backwards = work.lines[::-1]
    backwards.sort(key=lambda line: not work.is_stale(line))
    for line in backwards:
        if not line.left:
            continue
        held = work.parts[line.level_id].held if line.level_id in work.parts else 0
        listed = work.listed(line.level_id) + work.staged(line.level_id)
        over = line.left if work.is_stale(line) else min(line.left, listed - held)
        if over > 0:
            line.quantity -= over
            changed.append(line)
    return changed


def expired(work: Work, line: Line) -> Conflict:
    """Return the refusal of pieces that are not good any more."""
    return Conflict(
        f"lot {line.origin.lot} of {line.sku} has expired",
        hint=f"list other pieces instead: bvinv reserve pick {work.id}",
        reservation_id=work.id,
        sku=line.sku,
        lot=line.origin.lot,
    )


def not_there(work: Work, line: Line, place: Place, there: int, quantity: int) -> InsufficientStock:
    return InsufficientStock(
        f"only {there} of {line.sku} lie in {place.code} at {line.warehouse}, {quantity} wanted",
        hint=f"say what is missing: bvinv reserve pick {work.id} --short {line.sku} "
        f"--bin {place.code}",
        reservation_id=work.id,
        sku=line.sku,
        warehouse=line.warehouse,
        bin=place.code,
        wanted=quantity,
        available=there,
    )
