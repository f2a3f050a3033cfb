"""Programs that tests start."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def running(*command: str, **terms: Any) -> Iterator[subprocess.Popen[Any]]:
    """Yield a program while it runs; one that the block has not waited for is killed. Popen's own
    block would wait, for ever where the test fails before it tells the program to stop."""
    with subprocess.Popen(command, **terms) as process:
        try:
            yield process
        finally:
            process.kill()
