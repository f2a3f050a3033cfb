"""The judge's figures, of the tool itself: its own command line forecasts from the judge's ledgers.

`../shared/forecast/judge.py` cuts two real demand sets at each of the last origins and scores what
was forecast beside the methods of statsforecast. It needs pandas, which bvinv does not: its Python
is $BVINV_JUDGE_PYTHON, else one of a virtual environment made for the occasion.
"""

import csv
import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tests.bench.measure import (
    REPOSITORY,
    WAREHOUSE,
    Options,
    Result,
    child_environment,
    program,
    progress,
    run,
)

FORECAST = REPOSITORY.parent / "shared" / "forecast"
SETS = {"carparts": 0.685, "online_retail": 2.30}  # and the pinball loss that is demanded
LEVELS = ("0.5", "0.8", "0.9", "0.95", "0.99")
QUANTILES = ("q50", "q80", "q90", "q95", "q99")
RIVALS = {"sf.CrostonSBA+normal": "CrostonSBA", "sf.AutoETS(PI)": "AutoETS"}
COVERAGE = (0.925, 0.975)


class Origin(NamedTuple):
    """A day up to which everything is known, and the judge's files of it."""

    day: str
    ledger: Path
    skus: Path


def measure(options: Options) -> list[Result]:
    """Forecast both sets from every origin, and let the judge score it."""
    if not (FORECAST / "judge.py").exists():
        progress(f"there is no {FORECAST / 'judge.py'}: nothing is judged")
        return []
    python = judge_python(options.folder)
    chosen = [options.set] if options.set else list(SETS)
    return [result for name in chosen for result in _judged(name, python, options)]


def judge_python(folder: Path) -> str:
    """Return a Python that has numpy and pandas."""
    if said := os.environ.get("BVINV_JUDGE_PYTHON"):
        return said
    place = folder / "judge-venv"
    progress("making a virtual environment with pandas for the judge; $BVINV_JUDGE_PYTHON saves it")
    env = child_environment()
    run([sys.executable, "-m", "venv", place], folder=folder, env=env)
    python = place / "bin" / "python"
    run([python, "-m", "pip", "install", "-q", "numpy", "pandas"], folder=folder, env=env)
    return str(python)


def _judged(name: str, python: str, options: Options) -> list[Result]:
    folder = options.folder / name
    folder.mkdir()
    env = child_environment(BVINV_DB=str(folder / "shop.db"), BVINV_ACTOR="judge")
    few = ["--origins", str(options.origins)] if options.origins else []

    def judge(*words: str | Path) -> str:
        return run([python, FORECAST / "judge.py", *words, *few], folder=folder, env=env)

    def bvinv(*words: str | Path) -> str:
        return run([program(), *words], folder=folder, env=env)

    progress(judge("export", "--set", name, "--out", folder).strip())
    manifest = json.loads((folder / "manifest.json").read_text())
    bvinv("init")
    bvinv("warehouse", "add", WAREHOUSE, "--name", "Main")
    shop = _Shop(folder)
    forecasts = folder / "forecasts.csv"
    with forecasts.open("w", encoding="utf-8", newline="") as target:
        writer = csv.writer(target)
        writer.writerow(["origin", "sku", "mean", *QUANTILES])
        for said in manifest["origins"]:
            origin = Origin(said["origin"], folder / said["ledger"], folder / said["skus"])
            progress(f"{name}: forecasting from {origin.day}")
            products, sales = shop.news(origin)
            bvinv("products", "import", products)
            bvinv("forecast", "import", sales)
            asked = _question(origin, manifest["bucket"], manifest["protection_periods"])
            for row in csv.DictReader(bvinv(*asked).splitlines()):
                writer.writerow([origin.day, row["sku"], row["mean"], *map(row.get, QUANTILES)])
    scores = folder / "scores.json"
    print(judge("score", forecasts, "--set", name, "--json", scores))
    return list(_results(name, json.loads(scores.read_text()), options))


def _question(origin: Origin, bucket: str, periods: int) -> Sequence[str]:
    """Return the command that forecasts the demand of so many periods after an origin."""
    period, unit = ("month", "m") if bucket == "M" else ("week", "w")
    levels = [word for level in LEVELS for word in ("--level", level)]
    words = ["--horizon", f"{periods}{unit}", "--period", period, "--as-of", origin.day]
    return ["forecast", "demand", *words, *levels, "--format", "csv"]


class _Shop:
    """What the database knows of the ledger so far. Never does it know what came after an origin.

    The judge's ledgers begin with the day from which a SKU was on sale; where nothing was sold on
    it, a row that says so is added.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._skus: dict[str, None] = {}
        self._told: set[tuple[str, str]] = set()
        self._until = ""

    def news(self, origin: Origin) -> tuple[Path, Path]:
        """Return files of the products and the sales that an origin adds."""
        known = len(self._skus)
        sales = []
        for row in _rows(origin.ledger):
            key = row["sku"], row["date"]
            if row["date"] > self._until:
                sales.append((*key, row["quantity"]))
                self._told.add(key)
        for row in _rows(origin.skus):
            key = row["sku"], row["first"]
            if key not in self._told:
                sales.append((*key, "0"))
                self._told.add(key)
        self._skus |= dict.fromkeys(sku for sku, *_ in sales)
        self._until = origin.day
        files = self._folder / "products.csv", self._folder / "sales.csv"
        fresh = list(self._skus)[known:]
        _write(files[0], ("sku", "title"), [(sku, sku) for sku in fresh])
        _write(files[1], ("sku", "date", "quantity"), sales)
        return files


def _rows(file: Path) -> Iterator[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as source:
        yield from csv.DictReader(source)


def _write(file: Path, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    with file.open("w", encoding="utf-8", newline="") as target:
        writer = csv.writer(target)
        writer.writerow(header)
        writer.writerows(rows)


def _results(name: str, ours: dict[str, Any], options: Options) -> Iterator[Result]:
    """Compare the scores with what is demanded, and with statsforecast's on the same set."""
    theirs = {row["method"]: row for row in _rows(FORECAST / "out" / f"all_{name}.csv")}
    note = f"only the last {options.origins} origins" if options.origins else "all origins"

    def result(what: str, floor: float, measured: float, at_least: str, met: bool) -> Result:
        ratio = f"{100 * (measured / floor - 1):+.1f} %" if floor else "–"
        shown = f"{floor:.3f}" if floor else "–"
        return Result(f"{name}: {what}", shown, f"{measured:.3f}", ratio, at_least, met, note)

    yield result("pinball", 0, ours["PL"], f"≤ {SETS[name]}", ours["PL"] <= SETS[name])
    for method, called in RIVALS.items():
        for score, what in (("PL", "pinball"), ("RMSSE", "RMSSE")):
            floor = float(theirs[method][score])
            better = ours[score] < floor
            yield result(f"{what} against {called}", floor, ours[score], "better", better)
    low, high = COVERAGE
    inside = low <= ours["cov95"] <= high
    yield result("coverage of q95", 0, ours["cov95"], f"{low} to {high}", inside)
    floor = float(theirs["sf.CrostonSBA+normal"]["cost95"])
    cheaper = ours["cost95"] <= floor
    yield result("cost at 95 %, against CrostonSBA", floor, ours["cost95"], "no worse", cheaper)
