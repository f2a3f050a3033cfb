"""Holders: who is known to have ended, and who is not."""

import os
import subprocess
import sys

import pytest

from bvinv.core import holders
from tests.programs import running

SINCE = 1_772_355_600_000_000
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="there is no /proc")


def named_by_another(program="import time; time.sleep(60)"):
    """Return the name that another process gives itself, and the process."""
    said = f"from bvinv.core import holders; print(holders.named({SINCE}), flush=True); {program}"
    return running(sys.executable, "-c", said, stdout=subprocess.PIPE, text=True)


def test_two_holders_have_two_names():
    assert holders.named(SINCE) != holders.named(SINCE)


@linux
def test_a_name_says_who_and_since_when():
    found = holders.parsed(holders.named(SINCE))
    assert (found.process, found.since) == (os.getpid(), SINCE)
    assert str(found) == f"process {os.getpid()} on {found.place.host}"


@pytest.mark.parametrize("name", ["another:1", "", "box:1:unknown:5:ab", "a:b:c/d/e:f:g"])
def test_of_a_name_that_says_less_nothing_is_known(name):
    assert holders.parsed(name) is None
    assert not holders.is_dead(name)


@linux
def test_a_process_is_alive_until_it_is_killed():
    assert not holders.is_dead(holders.named(SINCE))
    with named_by_another() as process:
        name = process.stdout.readline().strip()
        assert not holders.is_dead(name)
        process.kill()
        # Nobody has asked for its exit code yet: the number is still taken.
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert holders.is_dead(name)
        process.wait()
        assert holders.is_dead(name)


@linux
def test_a_number_that_another_process_has_by_now_is_not_the_holder():
    place, process, began, _ = holders.parsed(name := holders.named(SINCE))
    assert holders.is_dead(name.replace(f"/{began}:", f"/{int(began) - 1}:"))
    assert process == os.getpid()
    assert place.host in name


@linux
@pytest.mark.parametrize("field", ["host", "boot", "space"])
def test_of_another_machine_boot_or_container_nothing_is_known(field):
    with named_by_another("") as process:
        name = process.stdout.readline().strip()
        process.wait()
    assert holders.is_dead(name)
    mine = getattr(holders.parsed(name).place, field)
    other = mine[:-1] + ("1" if mine[-1] == "0" else "0")
    assert not holders.is_dead(name.replace(mine, other, 1))
