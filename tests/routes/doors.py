"""Two doors, one answer: what the command line prints, and what HTTP answers.

Both look at one SQLite database. A change is tried at both doors with a dry run, which has to
answer the same, and is then made through HTTP.
"""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from bvinv.core.db import Database
from tests.api import Answer, Api
from tests.commands.shell import Shell

# What differs between two tries: the moment, what follows from it, and who asked.
VOLATILE = {"updated_at", "created_at", "expires_at", "shipped_at", "closed_at", "placed_at"}
VOLATILE |= {"actor", "requested_at", "decided_at", "received_at"}


class Doors:
    """Both doors of one database."""

    def __init__(self, bvinv: Shell, api: Api) -> None:
        self.bvinv = bvinv
        self.api = api

    def look(self, line: str, path: str, role: str = "admin") -> Any:
        """Ask at both doors, see that the answers are the same, and return what was answered."""
        ran = self.bvinv(f"{line} --format json")
        said = self.api.get(path, role)
        if ran.exit_code:
            assert (ran.stdout, said.json) == ("", ran.problem), (line, path)
            assert said.status == said.json["status"]
            return said.json
        assert (said.status, said.json) == (200, ran.json), (line, path)
        return said.json

    def change(self, line: str, path: str, body: Any = None, status: int = 200, **more: Any) -> Any:
        """Try a change at both doors, then make it through HTTP; return what that answered."""
        before = self.bvinv.dump()
        printed = self.bvinv(f"{line} --dry-run --format json").json
        tried = self.api.post(f"{path}?dry_run=true", body, **more)
        assert (tried.status, steady(tried.json)) == (200, steady(printed)), (line, path)
        assert self.bvinv.dump() == before
        done = self.api.post(path, body, **more)
        assert done.status == status, done
        kept = {name: one for name, one in printed.items() if name not in ("dry_run", "changes")}
        assert steady(done.json) == steady(kept), (line, path)
        return done.json

    def refuse(self, line: str, path: str, body: Any = None, **more: Any) -> Any:
        """See that both doors refuse with the same words, and that nothing changed."""
        before = self.bvinv.dump()
        problem = self.bvinv(f"{line} --format json").problem
        said: Answer = self.api.post(path, body, **more)
        assert said.refused(problem["status"], problem["code"]) == problem, (line, path)
        assert self.bvinv.dump() == before
        return problem


def steady(said: Any) -> Any:
    """Return an answer without what differs between two tries."""
    if isinstance(said, dict):
        return {name: steady(one) for name, one in said.items() if name not in VOLATILE}
    return [steady(one) for one in said] if isinstance(said, list) else said


@pytest.fixture
def doors(bvinv) -> Iterator[Doors]:
    """Yield both doors of a stocked database."""
    with closing(Database(bvinv.path)) as database:
        api = Api(database)
        try:
            yield Doors(bvinv, api)
        finally:
            api.close()
