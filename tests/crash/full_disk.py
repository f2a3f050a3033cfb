"""A day on a small disk that fills up, run where the disk is mounted; prints what was found.

python -m tests.crash.full_disk FOLDER TEMPLATE
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.crash import day, oracle

READS = ("stock show HX-1 --format json", "products list", "stock verify")
READER = """
import sqlite3, sys, time
wire = sqlite3.connect(sys.argv[1], isolation_level=None)
wire.execute("BEGIN")
print(wire.execute("SELECT count(*) FROM product").fetchone(), flush=True)
time.sleep(600)
"""


@contextmanager
def reader(where: str) -> Iterator[None]:
    """Have another process read the database meanwhile, in one snapshot; at the end it is killed,
    and leaves the files as they are."""
    process = subprocess.Popen([sys.executable, "-c", READER, where], stdout=subprocess.PIPE)
    assert process.stdout
    try:
        assert process.stdout.readline()
        yield
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def main(folder: Path, template: Path) -> dict[str, Any]:
    """Take goods in until there is no room, read, make room, and take goods in again."""
    where = folder / "bvinv.db"
    shutil.copyfile(template, where)
    where.chmod(0o600)
    os.environ.update(BVINV_DB=str(where), BVINV_ACTOR="tester", HOME="/nowhere", COLUMNS="80")
    acks: dict[str, Any] = {}
    refused: list[tuple[int, str, str]] = []

    def receive() -> bool:
        key = f"full/{len(acks)}"
        words = f"receive HX-1 --qty 1 --warehouse MAIN --key {key} --format json"
        code, stdout, stderr = day.run(words.split())
        if code == 0:
            acks[key] = json.loads(stdout)
        else:
            refused.append((code, stdout, stderr))
        return code == 0

    for _ in range(20):
        assert receive()
    filler = folder / "filler"
    with reader(str(where)):
        fill(filler)
        reads_beside = [day.run(words.split())[::2] for words in READS]
    for end in ("-wal", "-shm"):
        Path(f"{where}{end}").unlink()  # nothing was written since the reader began
    fill(filler)
    before = len(acks)
    while len(refused) < 20 and len(acks) < before + 2_000:
        receive()
    full = len(acks) - before
    reads = [day.run(words.split())[::2] for words in READS]
    filler.unlink()
    freed = time.monotonic()
    while not receive():
        assert time.monotonic() < freed + 5, refused[-1]
    resumed = time.monotonic() - freed
    for _ in range(20):
        assert receive(), refused[-1]
    return {
        "acknowledged": len(acks),
        "while_full": full,
        "refused": refused,
        "reads_beside": reads_beside,
        "reads": reads,
        "resumed": resumed,
        "faults": oracle.faults(str(where), acks),
    }


def fill(filler: Path) -> None:
    """Take the last byte of the disk."""
    with filler.open("ab", buffering=0) as file:
        try:
            while file.write(bytes(4096)) == 4096:
                pass
        except OSError:
            pass


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), Path(sys.argv[2]))))
