"""Where rows are moved to, in the tests."""

from collections.abc import Iterator

import pytest

from bvinv.core.db import Database
from tests import moving_books
from tests.conftest import ENGINES, initialised


@pytest.fixture(params=ENGINES)
def target(request, tmp_path, clock) -> Iterator[Database]:
    """Yield an empty database to move rows to, on either engine; of one test alone."""
    folder = tmp_path / "target"
    folder.mkdir()
    with initialised(request, request.param, folder) as place:
        found = Database(place, clock=clock)
        moving_books.spoil(found)
        yield found
        found.close()


@pytest.fixture
def full(stocked) -> Database:
    """Return a database with what is hard to carry, too."""
    moving_books.fill(stocked)
    return stocked
