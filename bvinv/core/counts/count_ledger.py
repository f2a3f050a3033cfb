"""What the ledger says happened to a bin after it was counted: goods that moved, and records that
were corrected."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from bvinv.core.db import Session, Sql

Key = tuple[int, int, str]  # bin id, level id, lot

# A count, and an adjustment whose reason says that the record was wrong, move no goods.
_MOVEMENTS = """
    SELECT c.bin_id, c.level_id, c.lot
         , CASE m.to_bin WHEN b.code THEN m.quantity ELSE -m.quantity END AS change
         , CASE WHEN m.kind = 'count' OR (m.kind = 'adjust' AND r.corrects = 1)
                THEN 1 ELSE 0 END AS corrects
         , CASE WHEN m.reverses BETWEEN 1 AND c.level_seq THEN 1 ELSE 0 END AS undoes
      FROM stock_count_line AS c JOIN bin AS b ON b.id = c.bin_id
           JOIN movement AS m ON m.level_id = c.level_id AND m.level_seq > c.level_seq
           LEFT JOIN reason AS r ON r.code = m.reason
     WHERE m.lot = c.lot AND (m.from_bin = b.code OR m.to_bin = b.code)
       AND c.count_id = :count AND c.state <> 'posted' {where}
     ORDER BY c.level_id, m.level_seq
"""
_OF_COUNT = Sql(_MOVEMENTS.format(where=""))
_OF_LINE = Sql(
    _MOVEMENTS.format(where="AND c.bin_id = :bin AND c.level_id = :level AND c.lot = :lot")
)


class Since(NamedTuple):
    """What happened to one bin and lot since it was counted, in pieces.

    `corrected` is by how much the record changed while no goods did; `moved`, that goods came or
    went; `least`, the most that had left at one time, less what had come, as a number from 0 down.
    `undone` says that a movement from before the count was undone: whether the goods walked back
    or had never moved nobody can tell, so it has to be counted again.
    """

    corrected: int = 0
    moved: bool = False
    undone: bool = False
    least: int = 0
    change: int = 0


NOTHING = Since()


def of_count(session: Session, count_id: int) -> dict[Key, Since]:
    """Return what happened to each line of a count that is not posted; nothing is left out."""
    return _summed(session.ask(_OF_COUNT, count=count_id))


def of_line(session: Session, count_id: int, key: Key) -> Since:
    """Return what happened to one line."""
    bin_id, level_id, lot = key
    found = session.ask(_OF_LINE, count=count_id, bin=bin_id, level=level_id, lot=lot)
    return _summed(found).get(key, NOTHING)


def _summed(movements: Iterable[Any]) -> dict[Key, Since]:
    found: dict[Key, Since] = {}
    for row in movements:
        key = (row.bin_id, row.level_id, row.lot)
        before = found.get(key, NOTHING)
        if row.corrects:
            found[key] = before._replace(corrected=before.corrected + row.change)
            continue
        change = before.change + row.change
        found[key] = before._replace(
            moved=True,
            undone=before.undone or bool(row.undoes),
            least=min(before.least, change),
            change=change,
        )
    return found
