"""What a scraper of Prometheus's gets to see, right with several workers.

A request adds to plain lists, which takes a tenth of what a histogram of prometheus_client takes in
its multi-process mode, whose every bucket is a lock, a process id and a memory map. Once a second a
worker writes what it has counted to a file of its own in the folder where the workers meet, and
whoever is scraped adds all files up: the other workers' numbers are a second old at most. Whoever
takes a dead worker's place goes on with its file, so that no counter ever goes back.
"""

import json
import os
import threading
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from bvinv.core.gauges import GaugesRow
from bvinv.core.replica import ReplicaRow
from bvinv.web.server import FOLDER, NUMBER

_EVERY = 1.0  # seconds
_LATENCY = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SIZES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)


class Kind(NamedTuple):
    """A metric that is counted. With buckets it is a histogram."""

    name: str
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


_REQUEST = Kind(
    "bvinv_http_request_seconds",
    "Seconds from a request's head to its whole answer.",
    ("route", "method", "status"),
    _LATENCY,
)
_REQUESTS = Kind("bvinv_http_requests", "Answers, by status.", ("route", "method", "status"))
_CACHE = Kind("bvinv_cache_lookups", "Look-ups in a cache.", ("cache", "result"))
_GROUP = Kind("bvinv_commit_group_size", "Changes committed together.", (), _SIZES)
_COMMIT = Kind(
    "bvinv_commit_seconds", "Seconds that a commit took, its waits included.", (), _LATENCY
)
_LOCK = Kind("bvinv_lock_wait_seconds", "Seconds that it waited for other writers.", (), _LATENCY)
_DELIVERY = Kind("bvinv_webhook_deliveries", "Attempts to deliver to a webhook.", ("result",))
_REPLICA = Kind("bvinv_replica_reads", "Questions about the catalogue, by who answered.", ("to",))
_COUNTED = (_REQUEST, _REQUESTS, _CACHE, _GROUP, _COMMIT, _LOCK, _DELIVERY, _REPLICA)
KINDS = {kind.name: kind for kind in _COUNTED}

# By a metric's labels: a number a bucket, what is above them, the sum; or one number.
Cells = dict[tuple[str, ...], list[float]]


class Metrics:
    """The counts of one worker. Each method is for one thread, but any thread."""

    def __init__(self) -> None:
        """Go on where the last worker of this number stopped; alone there is no file."""
        self._cells: dict[str, Cells] = {name: {} for name in KINDS}
        self._requests: dict[tuple[str, str, int], tuple[list[float], list[float]]] = {}
        folder = os.environ.get(FOLDER)
        self._folder = Path(folder) if folder else None
        self._name = f"{os.environ.get(NUMBER, '0')}.metrics"
        self._ends = threading.Event()
        self._one_at_a_time = threading.Lock()
        self._thread: threading.Thread | None = None
        if self._folder:
            self._cells.update(_read(self._folder / self._name))
            self._thread = threading.Thread(target=self._keep, name="bvinv-metrics", daemon=True)
            self._thread.start()

    def observe(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count an answer. `route` is a pattern such as `/stock/{sku}`, never what was asked."""
        found = self._requests.get((route, method, status))
        if found is None:
            found = self._request(route, method, status)
        times, count = found
        times[bisect_left(_LATENCY, seconds)] += 1
        times[-1] += seconds
        count[0] += 1

    def cache(self, kind: str, hit: bool) -> None:
        """Count a look-up in the cache of this kind."""
        self._cell(_CACHE, kind, "hit" if hit else "miss")[0] += 1

    def group(self, size: int, seconds: float, waited: float) -> None:
        """Count a commit of `size` changes: its seconds, and those spent waiting for the lock."""
        for kind, value in ((_GROUP, float(size)), (_COMMIT, seconds), (_LOCK, waited)):
            cell = self._cell(kind)
            cell[bisect_left(kind.buckets, value)] += 1
            cell[-1] += value

    def delivery(self, result: str, count: int = 1) -> None:
        """Count attempts to deliver to a webhook: delivered, failed or dead."""
        self._cell(_DELIVERY, result)[0] += count

    def replica(self, to: str) -> None:
        """Count a question about the catalogue: whether the replica answered, or the primary."""
        self._cell(_REPLICA, to)[0] += 1

    def text(
        self, gauges: GaugesRow | None = None, replica: ReplicaRow | None = None
    ) -> tuple[bytes, str]:
        """Return all workers' metrics, and the media type of this text."""
        self._write()
        total: dict[str, Cells] = {name: {} for name in KINDS}
        for cells in self._all():
            for name, found in cells.items():
                for labels, cell in found.items():
                    so_far = total[name].get(labels, [0.0] * len(cell))
                    total[name][labels] = [a + b for a, b in zip(so_far, cell, strict=True)]
        registry = CollectorRegistry()
        registry.register(_Collected([*_families(total), *_gauges(gauges), *_of_replica(replica)]))
        return generate_latest(registry), CONTENT_TYPE_LATEST

    def close(self) -> None:
        """Write the last counts."""
        self._ends.set()
        if self._thread:
            self._thread.join()
        self._write()

    def _request(self, route: str, method: str, status: int) -> tuple[list[float], list[float]]:
        times = self._cell(_REQUEST, route, method, f"{status // 100}xx")
        count = self._cell(_REQUESTS, route, method, str(status))
        return self._requests.setdefault((route, method, status), (times, count))

    def _cell(self, kind: Kind, *labels: str) -> list[float]:
        cells = self._cells[kind.name]
        found = cells.get(labels)
        if found is None:
            found = cells.setdefault(labels, [0.0] * _width(kind))
        return found

    def _keep(self) -> None:
        while not self._ends.wait(_EVERY):
            self._write()

    def _write(self) -> None:
        """Write the counts. They take effect as a whole or not at all."""
        if self._folder is None:
            return
        said = {
            name: [[labels, cell] for labels, cell in list(cells.items())]
            for name, cells in self._cells.items()
        }
        with suppress(OSError), self._one_at_a_time:  # a full disk is no reason to stop serving
            unfinished = self._folder / f"{self._name}.new"
            unfinished.write_text(json.dumps(said), encoding="utf-8")
            unfinished.replace(self._folder / self._name)

    def _all(self) -> Iterator[dict[str, Cells]]:
        yield self._cells
        if self._folder:
            for path in self._folder.glob("*.metrics"):
                if path.name != self._name:
                    yield _read(path)


class _Collected:
    """Metrics as a registry asks for them."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _width(kind: Kind) -> int:
    return len(kind.buckets) + 2 if kind.buckets else 1


def _read(path: Path) -> dict[str, Cells]:
    """Return the counts of a file, none where it is not there or another version wrote it."""
    try:
        said: dict[str, list[Any]] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {
        name: {tuple(labels): cell for labels, cell in cells if len(cell) == _width(KINDS[name])}
        for name, cells in said.items()
        if name in KINDS
    }


def _families(total: dict[str, Cells]) -> Iterator[Metric]:
    for name, kind in KINDS.items():
        if not kind.buckets:
            counter = CounterMetricFamily(name, kind.help, labels=kind.labels)
            for labels, cell in sorted(total[name].items()):
                counter.add_metric(labels, cell[0])
            yield counter
            continue
        histogram = HistogramMetricFamily(name, kind.help, labels=kind.labels)
        bounds = [*map(str, kind.buckets), "+Inf"]
        for labels, cell in sorted(total[name].items()):
            counts = list(zip(bounds, accumulate(cell[:-1]), strict=True))
            histogram.add_metric(labels, counts, cell[-1])
        yield histogram


def _of_replica(row: ReplicaRow | None) -> Iterator[Metric]:
    if row is None:
        return
    for name, help_text, value in (
        ("bvinv_replica_up", "1 where the replica answers and is one.", float(not row.detail)),
        ("bvinv_replica_lag_seconds", "How far the replica is behind.", row.lag_seconds),
        ("bvinv_replica_lag_bytes", "What the replica lacks of the log.", row.lag_bytes),
    ):
        if value is not None:
            yield GaugeMetricFamily(name, help_text, value=value)


def _gauges(row: GaugesRow | None) -> Iterator[Metric]:
    if row is None:
        return
    products = GaugeMetricFamily(
        "bvinv_products",
        "Products by status, and by whether a piece can be promised now.",
        labels=("status", "stock"),
    )
    for one in row.products:
        products.add_metric((one.status, "in"), one.in_stock)
        products.add_metric((one.status, "out"), one.out_of_stock)
    yield products
    states = GaugeMetricFamily(
        "bvinv_reservations", "Reservations by state, as it is now.", labels=("status",)
    )
    for status, count in row.reservations.items():
        states.add_metric((status,), count)
    yield states
    for name, help_text, value in (
        ("bvinv_backorder_lines", "Lines of live reservations that wait.", row.backorder_lines),
        ("bvinv_backorder_pieces", "Pieces that they wait for.", row.backorder_pieces),
        ("bvinv_events", "The last event's number.", row.events),
        ("bvinv_movements", "The last stock movement's number.", row.movements),
        ("bvinv_wal_bytes", "Size of SQLite's write-ahead log.", row.wal_bytes),
    ):
        if value is not None:
            yield GaugeMetricFamily(name, help_text, value=value)
