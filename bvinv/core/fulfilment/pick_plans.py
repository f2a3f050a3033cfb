"""Which bins a picker is sent to: the lot that expires first, then as few stops as possible."""

from collections.abc import Iterable
from itertools import groupby

from bvinv.core.db import Session, Sql
from bvinv.core.ledger import Level, Place
from bvinv.core.models.pick import AT_WORK

# What lists, whose orders still hold, are to fetch: two pickers are not sent to one piece.
_PLANNED = Sql(f"""
    SELECT l.level_id, l.bin_id, l.lot, p.reservation_id
         , sum(l.quantity - l.picked - l.short) AS pieces
      FROM pick_line AS l JOIN (
               SELECT p.id, p.reservation_id
                 FROM pick AS p JOIN reservation AS r ON r.id = p.reservation_id
                WHERE p.{AT_WORK} AND r.status = 'held' AND r.expires_at > :now) AS p
           ON p.id = l.pick_id
     WHERE l.level_id IN :levels AND l.quantity > l.picked + l.short
     GROUP BY l.level_id, l.bin_id, l.lot, p.reservation_id
""")
_SEQUENCES = Sql("SELECT id, pick_sequence FROM bin WHERE id IN :bins")

_Spot = tuple[int, int, str]  # level id, bin id, lot


class Plan:
    """The pieces of some locked levels that lists can still send pickers to."""

    def __init__(self, session: Session, levels: Iterable[Level], reservation_id: str) -> None:
        """Look up what is planned, and where bins come on the walk. The places are loaded."""
        by_id = {level.id: level for level in levels}
        self._own: dict[_Spot, int] = {}
        self._others: dict[_Spot, int] = {}
        if by_id:
            for row in session.ask(_PLANNED, levels=sorted(by_id), now=session.now):
                planned = self._own if row.reservation_id == reservation_id else self._others
                spot = (row.level_id, row.bin_id, row.lot)
                planned[spot] = planned.get(spot, 0) + int(row.pieces)
        bins = {place.bin_id for level in by_id.values() for place in level.places}
        found = session.ask(_SEQUENCES, bins=sorted(one for one in bins if one is not None))
        self._sequence = {row.id: row.pick_sequence for row in found}

    def give(
        self, level: Level, quantity: int, *, avoid: int | None = None
    ) -> list[tuple[Place, int]]:
        """Return which places to fetch so many pieces from, fewer where there are fewer.

        First the lot that expires first; of equal ones what is in staging already, then storage,
        then the dock. One bin that has all of it is one stop, else bins are taken as they come on
        the walk. What expired or is picked is left alone, and so is the bin with the id `avoid`;
        what others are to fetch is asked for only where nothing else is left: lists are plans, no
        promises.
        """
        given = self._from_what_is_there(level, quantity, avoid, heed_others=True)
        rest = quantity - sum(pieces for _, pieces in given)
        if rest > 0:
            given += self._from_what_is_there(level, rest, avoid, heed_others=False)
        return given

    def _from_what_is_there(
        self, level: Level, quantity: int, avoid: int | None, *, heed_others: bool
    ) -> list[tuple[Place, int]]:
        there: dict[Place, int] = {}
        for place, lying in level.places.items():
            if place.sellable and place.lot not in level.stale and place.bin_id != avoid:
                spot = (level.id, place.bin_id or 0, place.lot)
                pieces = lying - level.picked.get(place, 0) - self._own.get(spot, 0)
                pieces -= self._others.get(spot, 0) if heed_others else 0
                if pieces > 0:
                    there[place] = pieces
        given: list[tuple[Place, int]] = []

        def first(place: Place) -> tuple[float, int]:
            expires_on = level.expiries.get(place.lot)
            return (float("inf") if expires_on is None else expires_on, place.rank)

        for _, group in groupby(
            sorted(there, key=lambda one: (*first(one), *self._walk(one))), first
        ):
            stops = list(group)
            whole = [place for place in stops if there[place] >= quantity]
            for place in whole[:1] or stops:
                pieces = min(there[place], quantity)
                if pieces > 0:
                    given.append((place, pieces))
                    quantity -= pieces
                    spot = (level.id, place.bin_id or 0, place.lot)
                    self._own[spot] = self._own.get(spot, 0) + pieces
        return given

    def _walk(self, place: Place) -> tuple[float, str, str]:
        sequence = self._sequence.get(place.bin_id or 0)
        return (float("inf") if sequence is None else sequence, place.code, place.lot)
