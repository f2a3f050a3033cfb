"""One writer at a time, in the order they came, and nobody waits for the dead."""

import os
import signal
import threading
import time

import pytest

from bvinv.core import gate as gate_module
from bvinv.core.errors import Busy, NotPermitted
from bvinv.core.gate import Gate
from tests import workers

pytestmark = pytest.mark.skipif(gate_module.fcntl is None, reason="there is no flock here")


def hold_for_ever(database, tell):
    with Gate(database.path, patience=10).hold("a long import"):
        tell("inside")
        time.sleep(600)


def take_turns(database, seconds):
    """Come again and again; return how many turns it got and the longest wait, in seconds."""
    own = Gate(database.path, patience=30)
    turns, longest = 0, 0.0
    ends_at = time.monotonic() + seconds
    while (asked_at := time.monotonic()) < ends_at:
        with own.hold("turn"):
            longest = max(longest, time.monotonic() - asked_at)
            time.sleep(0.003)
            turns += 1
    return turns, longest


@pytest.fixture
def path(tmp_path):
    return tmp_path / "bvinv.db.lock"


def test_one_is_inside_at_a_time(path):
    inside, most = [], []

    def enter(own):
        for _ in range(20):
            with own.hold("test"):
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    shared = Gate(path, patience=10)
    gates = [shared, shared, Gate(path, patience=10), Gate(path, patience=10)]
    threads = [threading.Thread(target=enter, args=(one,)) for one in gates]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one in gates:
        one.close()

    assert (len(most), max(most)) == (80, 1)


def test_the_one_who_waits_too_long_is_told_who_is_inside(path):
    first, second = Gate(path, patience=1), Gate(path, patience=0.05)
    with first.hold("products import"), pytest.raises(Busy) as refused, second.hold("reserve"):
        pass

    assert refused.value.detail == (
        f"the database has been locked by process {os.getpid()} (products import) for 0.05 s"
    )
    assert refused.value.hint == "try again, or raise BVINV_LOCK_TIMEOUT (seconds)"
    with second.hold("reserve"):
        pass
    first.close()
    second.close()


def test_threads_of_one_database_wait_for_each_other_too(path):
    shared = Gate(path, patience=0.05)
    refused = []

    def enter():
        try:
            with shared.hold("second"):
                pass
        except Busy as error:
            refused.append(error.detail)

    with shared.hold("first"):
        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
    shared.close()

    assert refused == [f"the database has been locked by process {os.getpid()} (first) for 0.05 s"]


def test_who_left_too_early_leaves_no_lock_behind(path):
    first, second, third = (Gate(path, patience=n) for n in (1, 0.02, 1))
    with first.hold("first"):
        for _ in range(5):
            with pytest.raises(Busy), second.hold("second"):
                pass
    with third.hold("third"), pytest.raises(Busy), second.hold("second"):
        pass
    with second.hold("second"):
        pass
    for one in (first, second, third):
        one.close()


def test_a_lock_that_is_granted_as_patience_ends_is_let_go(path, monkeypatch):
    first, second, third = (Gate(path, patience=n) for n in (1, 0.02, 1))

    class TooLate(threading.Event):
        """Patience ends in the very moment in which the lock is granted."""

        def wait(self, timeout=None):
            if timeout is None:
                return super().wait()
            holding.__exit__(None, None, None)
            super().wait(5)
            time.sleep(0.05)
            return False

    holding = first.hold("first")
    holding.__enter__()
    with monkeypatch.context() as patch:
        patch.setattr(gate_module.threading, "Event", TooLate)
        with pytest.raises(Busy), second.hold("second"):
            pass

    with third.hold("third"):
        pass
    for one in (first, second, third):
        one.close()


def test_ctrl_c_while_waiting_leaves_the_gate_usable(path):
    first, second = Gate(path, patience=5), Gate(path, patience=30)
    main = threading.get_ident()
    threading.Timer(0.1, lambda: signal.pthread_kill(main, signal.SIGINT)).start()
    with first.hold("first"), pytest.raises(KeyboardInterrupt), second.hold("second"):
        pass

    started_at = time.monotonic()
    with second.hold("second"):
        pass
    with first.hold("first"):
        pass
    assert time.monotonic() - started_at < 1
    first.close()
    second.close()


def test_an_error_inside_opens_the_gate_again(path):
    own, other = Gate(path, patience=1), Gate(path, patience=0.1)
    with pytest.raises(ZeroDivisionError), own.hold("test"):
        raise ZeroDivisionError
    with other.hold("test"):
        pass
    own.close()
    other.close()


def test_the_gate_opens_at_once_when_its_holder_is_killed(path):
    process, receiver = workers.start(str(path), hold_for_ever)
    assert receiver.recv() == "inside"
    own = Gate(path, patience=0.05)
    with pytest.raises(Busy, match=rf"by process {process.pid} \(a long import\)"), own.hold("me"):
        pass
    own.patience = 10

    process.kill()
    killed_at = time.monotonic()
    with own.hold("me"):
        waited = time.monotonic() - killed_at
    process.join()
    receiver.close()
    own.close()

    assert waited < 1


def test_turns_are_fair_between_processes(path):
    """Who is kept from running by other programs does not stand in line, so that one round says
    little on a busy machine; without a line, no round would be fair."""
    rounds = []
    while not any(min(turns) >= 0.3 * max(turns) for turns, _ in rounds):
        assert len(rounds) < 6, rounds
        answers = workers.together(str(path), take_turns, [(1,)] * 4, connected=False)
        rounds.append(tuple(zip(*answers, strict=True)))

    assert max(max(longest) for _, longest in rounds) < 3


def test_the_lock_file_is_not_followed_through_a_link(path, tmp_path):
    target = tmp_path / "precious"
    target.write_text("precious")
    path.symlink_to(target)

    with pytest.raises(NotPermitted, match="symbolic links"), Gate(path, patience=1).hold("test"):
        pass

    assert target.read_text() == "precious"
