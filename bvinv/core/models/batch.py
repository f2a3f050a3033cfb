"""What a batch of changes answers."""

from bvinv.core.models.base import Row
from bvinv.core.models.reservation import ReservationRow
from bvinv.core.models.stock import LevelRow, PutAwayRow


class BatchRow(Row):
    """What each change of a batch answered, in the order of the changes."""

    results: list[PutAwayRow | LevelRow | ReservationRow]
