"""Jobs, as programs read them."""

from bvinv.core.models.base import Row


class JobRow(Row):
    """A job to be installed: `schedule` is a crontab's, `on_calendar` systemd's.

    It is not needed where `unless` is so.
    """

    job: str
    schedule: str
    on_calendar: str
    command: str
    what: str
    unless: str
