"""`python -m tests.bench [NAME…] [--full] [--repeat N]`: how fast it is, against what is possible.

Every ratio is against a floor measured in the same run, in turn with what it is compared to.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

from tabulate import tabulate

from tests.bench import (
    copying,
    forecasting,
    growing,
    importing,
    judging,
    keeping,
    receiving,
    reserving,
    scaling,
    scanning,
    searching,
    serving,
    startup,
    verifying,
)
from tests.bench.measure import Options, Result, progress

BENCHMARKS: dict[str, Callable[[Options], list[Result]]] = {
    "help": startup.measure_help,
    "show": startup.measure_show,
    "import": importing.measure,
    "reserve": reserving.measure,
    "group": reserving.measure_group,
    "receive": receiving.measure,
    "verify": verifying.measure,
    "scale": scaling.measure,
    "movements": scaling.measure_movements,
    "search": searching.measure,
    "serve": serving.measure,
    "postgres": growing.measure,
    "scan": scanning.measure,
    "scan-log": scanning.measure_log,
    "scanners": scanning.measure_people,
    "copy": copying.measure,
    "forecast": forecasting.measure,
    "reorder": forecasting.measure_reorder,
    "judge": judging.measure,
    "backup": keeping.measure,
}
COLUMNS = ("work", "floor", "measured", "ratio", "at least", "met", "notes")


def main() -> None:
    """Run the benchmarks that are named, all of them if none is, and print one table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--full", action="store_true", help="a million rows, not some 100,000")
    parser.add_argument("--repeat", type=int, default=5, metavar="N", help="runs to take as one")
    parser.add_argument("--set", choices=judging.SETS, help="of the judge's sets only this one")
    parser.add_argument("--origins", type=int, metavar="N", help="only its last origins")
    asked = parser.parse_args()
    if unknown := set(asked.names) - set(BENCHMARKS):
        parser.error(
            f"there is no {', '.join(sorted(unknown))}; there are: {', '.join(BENCHMARKS)}"
        )
    if asked.repeat < 1:
        parser.error("--repeat is at least 1")
    results: list[Result] = []
    for name in asked.names or BENCHMARKS:
        progress(name)
        with tempfile.TemporaryDirectory(prefix="bvinv-bench-") as folder:
            options = Options(Path(folder), asked.repeat, asked.full, asked.set, asked.origins)
            for result in BENCHMARKS[name](options):
                progress("; ".join(_cells(result)))
                results.append(result)
    print(tabulate([_cells(result) for result in results], COLUMNS, disable_numparse=True))


def _cells(result: Result) -> tuple[str, ...]:
    met = {True: "yes", False: "no", None: "–"}[result.met]
    return (
        result.work,
        result.floor,
        result.measured,
        result.ratio,
        result.at_least,
        met,
        result.notes,
    )


if __name__ == "__main__":
    main()
