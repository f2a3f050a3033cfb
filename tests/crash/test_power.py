"""The plug pulled fifty times (RELIABILITY.md C-05): what a disk may hold then has every
acknowledged command in it, is sound, and is gone on with."""

import random
from pathlib import Path

import pytest

from tests.crash import day, oracle, power, tracing

pytestmark = [
    pytest.mark.crash,
    tracing.needs_strace,
    pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True),
]
PULLS = 50
DAMAGED = ("DatabaseError", "OperationalError", "KeyError", "TypeError")  # what garbage leads to


@pytest.fixture
def recorded(mornings, asked, stable, morning_file):
    """Return the steps of a day, and a function that returns the disk as it was in the morning."""
    where = mornings.new()
    code, lines = stable.watched(power.CALLS, more=power.MORE, **asked(where))
    assert code == 0
    done = power.steps(lines)
    assert len(power.acks(done)) == len(day.STEPS)
    return done, lambda: power.Disk(Path(where), morning_file.read_bytes())


def moments(done: list[power.Step], chance: random.Random, many: int) -> list[int]:
    """Return so many places: half of them right after an acknowledgement, the others anywhere."""
    told = [place + 1 for place, step in enumerate(done) if step.what == "ack"]
    anywhere = range(1, len(done))
    return chance.choices(told, k=many // 2) + chance.choices(anywhere, k=many - many // 2)


def test_the_plug_is_pulled_fifty_times(mornings, asked, stable, recorded, evening, tmp_path):
    done, morning = recorded
    chance = random.Random(1905)
    for moment in moments(done, chance, PULLS):
        disk = morning()
        for step in done[:moment]:
            disk.take(step)
        mornings.new()
        where = str(disk.pull(tmp_path, chance))
        acks = power.acks(done[:moment])
        assert oracle.faults(where, acks) == [], moment
        # The log of the day goes on where the acknowledgements end.
        told = [step.content for step in done[:moment] if step.what == "ack"]
        mornings.log.write_bytes(b"".join(told))
        Path(where).chmod(0o600)
        assert stable.run(**asked(where)) == 0
        assert day.failures(mornings.log) == []
        assert oracle.faults(where, day.acks(mornings.log)) == [], moment
        assert oracle.state(where) == evening, moment


def test_a_disk_that_lies_about_its_syncs_is_found_out(recorded, tmp_path):
    """The same without the syncs loses what was acknowledged: so the test above would see it."""
    done, morning = recorded
    chance = random.Random(1906)
    lost = 0
    for moment in moments(done, chance, PULLS):
        disk = morning()
        for step in done[:moment]:
            disk.take(step, lies=True)
        where = str(disk.pull(tmp_path, chance))
        try:
            lost += bool(oracle.faults(where, power.acks(done[:moment])))
        except Exception as error:
            assert type(error).__name__ in DAMAGED, error
            lost += 1
    assert lost > PULLS // 2
