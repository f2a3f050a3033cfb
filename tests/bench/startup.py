"""How long a command takes to start, against the imports that it cannot do without."""

import sys
from pathlib import Path

from tests.bench.measure import (
    Options,
    Result,
    child_environment,
    interleaved,
    milliseconds,
    program,
    run,
    seconds,
    stocked_database,
)


def measure_help(options: Options) -> list[Result]:
    """Time `bvinv --help` against Typer alone."""
    return [_against(options, [program(), "--help"], "import typer", 1.6)]


def measure_show(options: Options) -> list[Result]:
    """Time `bvinv stock show SKU` on a small database against its two heaviest imports."""
    path = options.folder / "small.db"
    stocked_database(path, products=10).close()
    command: list[Path | str] = [program(), "--db", path, "stock", "show", "SKU-7"]
    return [_against(options, command, "import typer, sqlmodel", 1.25)]


def _against(options: Options, command: list[Path | str], floor: str, at_most: float) -> Result:
    env = child_environment()

    def floor_once() -> float:
        return seconds(lambda: run([sys.executable, "-c", floor], folder=options.folder, env=env))

    def command_once() -> float:
        return seconds(lambda: run(command, folder=options.folder, env=env))

    # Once each, unmeasured: bytecode is written and files are in memory, as on the second day.
    interleaved(1, floor_once, command_once)
    least, took = interleaved(max(options.repeat, 5) * 2, floor_once, command_once)
    said = " ".join(str(word) for word in command[1:] if not isinstance(word, Path))
    return Result(
        f"bvinv {said.removeprefix('--db ')}",
        f"{floor}: {milliseconds(least)}",
        milliseconds(took),
        f"{took / least:.2f}x its time",
        f"≤ {at_most}x",
        took / least <= at_most,
    )
