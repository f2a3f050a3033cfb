"""The modes of scanning by name."""

from bvinv.core.scanning.count import Count
from bvinv.core.scanning.mode import Mode
from bvinv.core.scanning.pick import Pick
from bvinv.core.scanning.put_away import PutAway
from bvinv.core.scanning.receive import Receive
from bvinv.core.scanning.transfer import Transfer

MODES: dict[str, Mode] = {
    "receive": Receive(),
    "put-away": PutAway(),
    "pick": Pick(),
    "count": Count(),
    "transfer": Transfer(),
}
