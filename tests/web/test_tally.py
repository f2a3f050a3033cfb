"""What the workers of one server tell each other of their commits."""

from bvinv.web.server import FOLDER, NUMBER
from bvinv.web.tally import Tally


def test_workers_see_each_others_commits_at_once(tmp_path, monkeypatch):
    monkeypatch.setenv(FOLDER, str(tmp_path))
    workers = []
    for number in range(3):
        monkeypatch.setenv(NUMBER, str(number))
        workers.append(Tally())

    for worker in [*workers, workers[2]]:
        before = workers[0].total()
        worker.count()
        assert [one.total() for one in workers] == [before + 1] * 3


def test_who_takes_a_dead_workers_place_goes_on_where_it_stopped(tmp_path, monkeypatch):
    monkeypatch.setenv(FOLDER, str(tmp_path))
    monkeypatch.setenv(NUMBER, "1")
    Tally().count()
    late = Tally()
    late.count()
    assert late.total() == 2


def test_alone_nothing_is_counted(monkeypatch):
    monkeypatch.delenv(FOLDER, raising=False)
    alone = Tally()
    alone.count()
    assert alone.total() == 0
