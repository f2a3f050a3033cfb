"""What a scraper gets to see, of one worker and of several."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bvinv.core.gauges import GaugesRow, ProductsGauge
from bvinv.web import server
from bvinv.web.metrics import Metrics

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture
def alone(monkeypatch) -> Metrics:
    monkeypatch.delenv(server.FOLDER, raising=False)
    return Metrics()


@pytest.fixture
def start(monkeypatch, tmp_path):
    """Return what starts the worker of a number."""
    started = []

    def start(number: int) -> Metrics:
        monkeypatch.setenv(server.FOLDER, str(tmp_path))
        monkeypatch.setenv(server.NUMBER, str(number))
        started.append(Metrics())
        return started[-1]

    yield start
    for one in started:
        one.close()


def samples(metrics: Metrics, gauges: GaugesRow | None = None) -> Samples:
    """Return what Prometheus would read."""
    text, kind = metrics.text(gauges)
    assert kind.startswith("text/plain")
    return {
        (one.name, tuple(sorted(one.labels.items()))): one.value
        for family in text_string_to_metric_families(text.decode())
        for one in family.samples
    }


def test_requests_are_counted_by_route_method_and_status(alone):
    alone.observe("/stock/{sku}", "GET", 200, 0.0009)
    alone.observe("/stock/{sku}", "GET", 204, 0.3)
    alone.observe("/stock/{sku}", "GET", 404, 60.0)

    found = samples(alone)

    good = (("method", "GET"), ("route", "/stock/{sku}"), ("status", "2xx"))
    name = "bvinv_http_request_seconds"
    assert found[f"{name}_count", good] == 2
    assert found[f"{name}_sum", good] == pytest.approx(0.3009)
    buckets = [(le, found[f"{name}_bucket", (("le", le), *good)]) for le in ("0.0005", "0.001")]
    assert buckets == [("0.0005", 0), ("0.001", 1)]
    bad = (*good[:2], ("status", "4xx"))
    assert found[f"{name}_bucket", (("le", "10.0"), *bad)] == 0
    assert found[f"{name}_bucket", (("le", "+Inf"), *bad)] == 1
    assert [
        found["bvinv_http_requests_total", (*good[:2], ("status", status))]
        for status in ("200", "204", "404")
    ] == [1, 1, 1]


def test_caches_commits_and_deliveries_are_counted(alone):
    alone.cache("answers", True)
    alone.cache("answers", False)
    alone.cache("answers", True)
    alone.group(1, 0.002, 0.0)
    alone.group(40, 0.004, 0.003)
    alone.delivery("delivered")

    found = samples(alone)

    assert found["bvinv_cache_lookups_total", (("cache", "answers"), ("result", "hit"))] == 2
    assert found["bvinv_cache_lookups_total", (("cache", "answers"), ("result", "miss"))] == 1
    assert found["bvinv_commit_group_size_sum", ()] == 41
    assert found["bvinv_commit_group_size_bucket", (("le", "32.0"),)] == 1
    assert found["bvinv_commit_group_size_bucket", (("le", "64.0"),)] == 2
    assert found["bvinv_commit_seconds_count", ()] == 2
    assert found["bvinv_lock_wait_seconds_sum", ()] == 0.003
    assert found["bvinv_webhook_deliveries_total", (("result", "delivered"),)] == 1


def test_what_was_never_counted_has_no_line_and_a_label_may_be_anything(alone):
    assert samples(alone) == {}
    alone.observe('/a"b\\c\nd', "GET", 200, 0.1)
    assert ("route", '/a"b\\c\nd') in next(iter(samples(alone)))[1]


def test_whichever_worker_is_asked_answers_for_all(start):
    first, second = start(0), start(1)
    for _ in range(3):
        first.observe("/healthz", "GET", 200, 0.001)
    second.observe("/healthz", "GET", 200, 0.001)
    second.observe("/readyz", "GET", 503, 0.5)
    first.text()  # writes its own, as it would within a second

    labels = (("method", "GET"), ("route", "/healthz"), ("status", "2xx"))
    assert samples(second)["bvinv_http_request_seconds_count", labels] == 4
    assert samples(first) == samples(second)


def test_whoever_takes_a_dead_worker_s_place_goes_on_counting(start, tmp_path):
    first = start(0)
    first.cache("answers", True)
    first.close()
    again = start(0)
    again.cache("answers", True)

    key = ("bvinv_cache_lookups_total", (("cache", "answers"), ("result", "hit")))
    assert samples(again)[key] == 2
    assert [path.name for path in tmp_path.iterdir()] == ["0.metrics"]
    assert samples(start(1))[key] == 2


def test_a_file_that_nobody_can_read_or_write_stops_nothing(start, tmp_path):
    (tmp_path / "7.metrics").write_text('{"bvinv_cache_lookups": [[["a"')
    (tmp_path / "8.metrics").write_text(
        '{"unknown": [[[], [1]]], "bvinv_commit_seconds": [[[], [1]]]}'
    )
    found = start(0)
    found.delivery("dead")
    assert samples(found) == {("bvinv_webhook_deliveries_total", (("result", "dead"),)): 1}
    for path in tmp_path.iterdir():
        path.unlink()
    tmp_path.rmdir()
    assert samples(found) == {("bvinv_webhook_deliveries_total", (("result", "dead"),)): 1}
    tmp_path.mkdir()


def test_how_things_stand_is_told_when_it_is_asked(alone):
    row = GaugesRow(
        products=[ProductsGauge(status="active", in_stock=3, out_of_stock=1)],
        reservations={"held": 2, "expired": 0},
        backorder_lines=1,
        backorder_pieces=5,
        events=9,
        movements=7,
        wal_bytes=4096,
    )
    assert samples(alone, row) == {
        ("bvinv_products", (("status", "active"), ("stock", "in"))): 3,
        ("bvinv_products", (("status", "active"), ("stock", "out"))): 1,
        ("bvinv_reservations", (("status", "held"),)): 2,
        ("bvinv_reservations", (("status", "expired"),)): 0,
        ("bvinv_backorder_lines", ()): 1,
        ("bvinv_backorder_pieces", ()): 5,
        ("bvinv_events", ()): 9,
        ("bvinv_movements", ()): 7,
        ("bvinv_wal_bytes", ()): 4096,
    }
    assert ("bvinv_wal_bytes", ()) not in samples(alone, row.model_copy(update={"wal_bytes": None}))
