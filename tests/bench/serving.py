"""The HTTP API under load: `wrk` on one core, the server on the other, a bare application beside.

Every request bears an API key. Products are asked for as customers ask, some much more than others,
and once more all alike, which is the worst for what is kept in memory. Searches are words as they
stand in titles, after half a minute of the same. Reservations have distinct ids and any product,
adjustments too.
"""

import csv
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from bvinv.core import keys
from tests.bench.measure import (
    REPOSITORY,
    SHARED,
    Options,
    Result,
    act,
    child_environment,
    fresh_database,
    program,
    run,
    seconds,
)

PRODUCTS = 100_000
SECONDS = 4
_BARE = (
    "from bvinv.web import server; server.run('tests.bench.bare:create_app', host='127.0.0.1', "
    "port=0, on_started=lambda url: print(f'bvinv serves {url}', flush=True))"
)
_runs = count(1)

# What wrk asks for; `pick` is a random product, `n` counts up.
_SCRIPT = """
local key, kind, run = os.getenv("KEY"), os.getenv("KIND"), os.getenv("RUN")
local words, n = {}, 0
if kind == "search" then
  for line in io.lines(os.getenv("WORDS")) do words[#words + 1] = line end
end
local headers = {["X-API-Key"] = key, ["Content-Type"] = "application/json"}
math.randomseed(tonumber(run))
local function any() return math.random(PRODUCTS) end
-- By Zipf's law, as customers do; what is asked most is anywhere among the SKUs.
local function pick()
  if os.getenv("EVENLY") then return any() end
  return math.floor(PRODUCTS ^ math.random()) * 7919 % PRODUCTS + 1
end
local paths = {
  bare = function() return "/" end,
  stock = function() return "/stock/SKU-" .. pick() end,
  product = function() return "/products/SKU-" .. pick() end,
  list = function() return "/products?limit=20&sort=title&category=c" .. math.random(500) end,
  search = function() return "/books/search?facets=true&q=" .. words[math.random(#words)] end,
}
request = function()
  if paths[kind] then return wrk.format("GET", paths[kind](), headers) end
  n = n + 1
  if kind == "reserve" then
    local line = '{"reservation_id":"%s-%d","lines":[{"sku":"SKU-%d","quantity":1}]}'
    return wrk.format("POST", "/stock/reserve", headers, string.format(line, run, n, any()))
  end
  local changes = {}
  for i = 1, 100 do
    local line = '{"op":"adjust","sku":"SKU-%d","warehouse":"MAIN","change":1,"reason":"found"}'
    changes[i] = string.format(line, any())
  end
  local body = '{"changes":[' .. table.concat(changes, ",") .. ']}'
  return wrk.format("POST", "/stock/batch", headers, body)
end
done = function(summary, latency, requests)
  local bad = summary.errors.status + summary.errors.connect + summary.errors.read
    + summary.errors.timeout
  io.write(string.format("RESULT %f %f %d\\n", summary.requests / summary.duration * 1e6,
    latency:percentile(99) / 1e3, bad))
end
"""


class Asked(NamedTuple):
    """One line of the issue's table: what is asked, and what is demanded of it."""

    name: str
    kind: str
    ratio: float | None
    rate: float | None
    p99: float  # milliseconds
    connections: int
    evenly: bool = False
    warm: int = 0  # more runs before those that count


ASKED = (
    Asked("GET /stock/{sku}", "stock", 0.40, None, 25, 64),
    Asked("the same, all alike", "stock", 0.40, None, 25, 64, evenly=True),
    Asked("GET /products/{ref}", "product", 0.35, None, 50, 32),
    Asked("the same, all alike", "product", 0.35, None, 50, 32, evenly=True),
    Asked("GET /products?limit=20", "list", 0.12, None, 100, 32),
    Asked("GET /books/search?q=…&facets", "search", None, 1_000, 150, 32, warm=7),
    Asked("POST /stock/reserve", "reserve", 0.10, 3_000, 75, 64),
    Asked("POST /stock/batch of 100", "batch", None, 150, 500, 32),
)


class Load(NamedTuple):
    """What wrk measured: answers a second, the 99th percentile in milliseconds, failures."""

    rate: float
    p99: float
    failed: int


def measure(options: Options) -> list[Result]:
    """Ask each thing of the server, and nothing of the bare application, in turn."""
    if shutil.which("wrk") is None:
        raise SystemExit("this needs wrk: apt-get install wrk")
    scene = Scene(options.folder, options.folder / "serve.db")
    results: list[Result] = []
    with _bare() as bare, scene.serves(1) as ours:
        for asked in ASKED:
            said = {"EVENLY": "1"} if asked.evenly else {}
            first = scene.load(ours.url, asked.kind, asked.connections, **said)
            for _ in range(asked.warm):
                scene.load(ours.url, asked.kind, asked.connections, **said)
            pairs = [
                (
                    scene.load(bare.url, "bare", asked.connections),
                    scene.load(ours.url, asked.kind, asked.connections, **said),
                )
                for _ in range(max(options.repeat // 2, 1))
            ]
            floor = Load(median(one.rate for one, _ in pairs), 0, 0)
            rate = median(one.rate for _, one in pairs)
            p99 = median(one.p99 for _, one in pairs)
            failed = sum(one.failed for _, one in pairs)
            results.append(_result(asked, floor.rate, Load(rate, p99, failed), first.rate))
        results.append(_memory(ours))
        one = scene.load(ours.url, "stock", 64, core=None)
    with scene.serves(2) as both:
        scene.load(both.url, "stock", 64, core=None)
        two = median(scene.load(both.url, "stock", 64, core=None).rate for _ in range(3))
    results.append(
        Result(
            "two workers, GET /stock/{sku}",
            f"one: {one.rate:,.0f}/s",
            f"{two:,.0f}/s",
            f"{two / one.rate:.2f}x",
            "≥ 1.6x",
            two >= 1.6 * one.rate,
            "wrk shares the two cores with them",
        )
    )
    return results


def _result(asked: Asked, floor: float, load: Load, first: float) -> Result:
    ratio = load.rate / floor
    demanded = [f"{asked.ratio:.2f}"] if asked.ratio else []
    demanded += [f"{asked.rate:,.0f}/s"] if asked.rate else []
    met = (
        ratio >= (asked.ratio or 0)
        and load.rate >= (asked.rate or 0)
        and load.p99 <= asked.p99
        and not load.failed
    )
    return Result(
        asked.name,
        f"bare app: {floor:,.0f}/s",
        f"{load.rate:,.0f}/s, p99 {load.p99:,.1f} ms",
        f"{ratio:.2f} of its rate",
        f"≥ {', '.join(demanded)}; p99 {asked.p99:.0f} ms",
        met,
        f"{load.failed} failed"
        if load.failed
        else f"{asked.connections} connections; {first:,.0f}/s at first",
    )


def _memory(server: "Server") -> Result:
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    [kilobytes] = re.findall(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    most = int(kilobytes) / 1024
    return Result(
        "memory, one worker",
        f"{PRODUCTS:,} products",
        f"{most:,.0f} MB at most",
        "–",
        "< 200 MB",
        most < 200,
        "after all of the above",
    )


class Server(NamedTuple):
    process: "subprocess.Popen[bytes]"
    url: str


@contextmanager
def _started(command: Sequence[str | Path], core: int | None, **more: str) -> Iterator[Server]:
    """Run a server until the block ends, on one core if one is named."""
    pinned = ["taskset", "-c", str(core), *command] if core is not None else command
    with tempfile.NamedTemporaryFile("w+", encoding="utf-8", prefix="bvinv-serve-") as said:
        process = subprocess.Popen(
            pinned,
            cwd=REPOSITORY,
            env=child_environment(**more),
            stdout=said,
            stderr=said,
        )
        try:
            yield Server(process, _serves(process, Path(said.name)))
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)
            log = Path(said.name).read_text(encoding="utf-8").splitlines()
            print(*log[1:20], sep="\n", file=sys.stderr)


def _serves(process: "subprocess.Popen[bytes]", said: Path) -> str:
    """Return the URL, once the server says it."""
    for _ in range(600):
        if found := re.search(r"serves (http\S+)", said.read_text(encoding="utf-8")):
            return found[1]
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise SystemExit(f"the server did not start: {said.read_text(encoding='utf-8')}")


def _bare() -> Any:
    return _started([sys.executable, "-c", _BARE], 0)


class Scene:
    """The database, the key, and the words that are searched for."""

    def __init__(self, folder: Path, where: str | Path) -> None:
        """Fill a fresh database, a file or a schema's URL, through the imports."""
        self.folder = folder
        self.where = where
        self.filled: dict[str, float] = {}  # what was imported -> rows a second
        script = _SCRIPT.replace("PRODUCTS", str(PRODUCTS))
        (folder / "ask.lua").write_text(script, encoding="utf-8")
        titles = _titles()
        self.words = folder / "words.txt"
        words = [word for title in titles for word in re.findall(r"[A-Za-z]{3,}", title)]
        self.words.write_text("\n".join(words), encoding="utf-8")
        self.key = self._fill(titles)

    def _fill(self, titles: Sequence[str]) -> str:
        database = fresh_database(self.where)
        made: list[str] = []

        def key(session: Any) -> Any:
            row = keys.create(session, name="shop", role="staff")
            made.append(str(row.revealed()["key"]))
            return row

        act(database, key)
        database.close()
        products, stock = self.folder / "products.csv", self.folder / "stock.csv"
        categories = [f"c{number}" for number in range(1, 501)]
        with products.open("w", newline="", encoding="utf-8") as target:
            rows = csv.writer(target)
            rows.writerow(("sku", "title", "author", "price", "currency", "category"))
            for number in range(1, PRODUCTS + 1):
                title = titles[number % len(titles)]
                more = (f"Author {number % 5000}", "12.99", "USD", categories[number % 500])
                rows.writerow((f"SKU-{number}", title, *more))
        with stock.open("w", newline="", encoding="utf-8") as target:
            rows = csv.writer(target)
            rows.writerow(("sku", "warehouse", "quantity"))
            rows.writerows((f"SKU-{number}", "MAIN", 90_000) for number in range(1, PRODUCTS + 1))
        for name, path in (("products", products), ("stock", stock)):
            took = seconds(lambda: self._bvinv(name, "import", path))  # noqa: B023  # called here
            self.filled[name] = PRODUCTS / took
        self._bvinv("search", "--reindex")
        return made[0]

    def _bvinv(self, *arguments: Any) -> None:
        command = [program(), "--db", self.where, *arguments]
        run(command, folder=self.folder, env=child_environment())

    def serves(self, workers: int) -> Any:
        core = 0 if workers == 1 else None
        command = [program(), "--db", self.where, "serve", "--port", "0"]
        command += ["--workers", str(workers)]
        return _started([str(one) for one in command], core, BVINV_ACCESS_LOG="off")

    def load(
        self, url: str, kind: str, connections: int, core: int | None = 1, **more: str
    ) -> Load:
        """Ask for some seconds; return what wrk says."""
        command = ["wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", "-s", "ask.lua", url]
        if core is not None:
            command = ["taskset", "-c", str(core), *command]
        said = run(
            command,
            folder=self.folder,
            env={
                **os.environ,
                "KEY": self.key,
                "KIND": kind,
                "RUN": str(next(_runs)),
                "WORDS": str(self.words),
                **more,
            },
        )
        [found] = re.findall(r"^RESULT (\S+) (\S+) (\d+)$", said, re.MULTILINE)
        return Load(float(found[0]), float(found[1]), int(found[2]))


def _titles() -> list[str]:
    """Return real titles where they were delivered, else made ones."""
    catalogue = SHARED / "goodbooks" / "catalogue.csv"
    if not catalogue.exists():
        return [f"The {number} Winters of Book {number % 97}" for number in range(10_000)]
    with catalogue.open(encoding="utf-8", newline="") as source:
        return [row["title"] for row in csv.DictReader(source)]
