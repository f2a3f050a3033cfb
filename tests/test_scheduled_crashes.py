"""Every job of cron's: two at once, killed at any moment, and run again at once."""

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bvinv.core.jobs import JOBS
from tests import books
from tests.programs import running

pytestmark = pytest.mark.crash
KILLS = 4
FINE = (0, 7)  # 7: an image of a host that is not allowed
ROOT = Path(__file__).parents[1]


class Cron:
    """Runs a job's command line as cron does."""

    def __init__(self, where, job, folder):
        words = [one.replace("{folder}", f"{folder}/backups/") for one in job.words.split()]
        self.words = [sys.executable, "-m", "bvinv", *words, "--log-json"]
        quiet = {"BVINV_DB": where, "BVINV_ACTOR": "cron", "HOME": str(folder)}
        quiet |= {"BVINV_IMAGE_HOSTS": "other.example.com"}
        self.environment = {**os.environ, **quiet, "PYTHONPATH": str(ROOT)}

    def start(self):
        return running(
            *self.words,
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self):
        with self.start() as process:
            return ended(process)


def ended(process):
    """Return the exit code and the line, seeing that they agree."""
    said = process.communicate(timeout=300)[1]
    line = json.loads(said)
    assert line["exit"] == process.returncode, said
    return process.returncode, line


def fill(database):
    """Put in something to do for each job."""
    for number in range(60):
        books.receive(database, "HX-1", 1, "MAIN")
        books.reserve(database, f"SO-{number}", "HX-1=1", ttl=books.SECOND)
    books.act(
        database,
        lambda session: books.catalog.change(
            session, ref="HX-1", fields={"image_url": "https://img.example.com/1.jpg"}
        ),
    )


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.name)
def test_a_job_is_done_once_at_a_time_and_again_after_a_kill(stocked, where, job, tmp_path):
    fill(stocked)
    (tmp_path / "backups").mkdir()
    cron = Cron(where, job, tmp_path)
    with cron.start() as one, cron.start() as another:
        codes = sorted([ended(one)[0], ended(another)[0]])
    assert codes[0] in FINE
    assert codes[1] in (*FINE, 9)

    began = time.monotonic()
    assert cron.run()[0] in FINE
    usual = time.monotonic() - began
    chance = random.Random(20260301)
    for turn in range(KILLS):
        with cron.start() as process:
            # More of them late: the first half is Python, which starts.
            time.sleep(usual * chance.uniform(0.4, 1))
            process.kill()
            process.wait()
        if turn == KILLS // 2:
            assert cron.run()[0] in FINE
    code, line = cron.run()
    assert code in FINE, line

    assert books.fetch(stocked, "SELECT name, holder FROM job_lease") == []
    told = "SELECT subject FROM event WHERE type = 'reservation.expired'"
    expired = [subject for (subject,) in books.fetch(stocked, told)]
    assert len(expired) == len(set(expired))
    if job.name == "reserve-expire":
        assert len(expired) == 60
    books.assert_sound(stocked)
