"""The jobs that a machine does by itself: what is run, when, why, and under which lease."""

from typing import NamedTuple


class Job(NamedTuple):
    """One job. `words` is its command line, without the program; `{folder}` is where backups go.

    `minutes` is when, as the five fields of a crontab(5); `calendar` says it for systemd.time(7).
    """

    name: str
    words: str
    minutes: str
    calendar: str
    what: str
    # Of its lease, which is prolonged while it runs; 0: the command has one of its own.
    seconds: int = 300
    # Where it is not needed, if anywhere.
    unless: str = ""
    # The file that its answer is for, if somebody reads it.
    report: str = ""

    @property
    def command(self) -> str:
        """The command alone, by its name in the log."""
        words = self.words.split()
        return " ".join(words[: next((i for i, one in enumerate(words) if one[0] in "-{"), None)])


EXPIRE = Job(
    name="reserve-expire",
    words="reserve expire",
    minutes="*/5 * * * *",
    calendar="*:0/5",
    what="close the reservations whose time has run out",
)
DELIVER = Job(
    name="events-deliver",
    words="events deliver",
    minutes="*/5 * * * *",
    calendar="*:0/5",
    what="tell the webhooks what happened",
    seconds=0,
    unless="bvinv serve runs, which does it at once",
)
FORECAST = Job(
    name="forecast-run",
    words="forecast run",
    minutes="15 3 * * *",
    calendar="*-*-* 03:15:00",
    what="forecast, and store when to order what",
    seconds=0,
)
BACKUP = Job(
    name="db-backup",
    words="db backup {folder} --keep 7d,4w",
    minutes="30 4 * * *",
    calendar="*-*-* 04:30:00",
    what="back up, and keep one a day for a week and one a week for a month",
)
CHECK = Job(
    name="db-check",
    words="db check",
    minutes="0 5 * * *",
    calendar="*-*-* 05:00:00",
    what="look whether the database, its files and this machine are sound",
)
VERIFY = Job(
    name="stock-verify",
    words="stock verify",
    minutes="15 5 * * 0",
    calendar="Sun *-*-* 05:15:00",
    what="prove every count by the ledger",
)
IMAGES = Job(
    name="image-check",
    words="products image check --all --fetch",
    minutes="45 5 * * 0",
    calendar="Sun *-*-* 05:45:00",
    what="see whether the images are still there",
)
REORDER = Job(
    name="forecast-reorder",
    words="forecast reorder --format csv",
    minutes="0 6 * * 1",
    calendar="Mon *-*-* 06:00:00",
    what="write down what to order (with --create-orders: order it, as drafts)",
    report="reorder.csv",
)
JOBS = (EXPIRE, DELIVER, FORECAST, BACKUP, CHECK, VERIFY, IMAGES, REORDER)
