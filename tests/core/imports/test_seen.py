"""What an import remembers of its own rows, and a disk that has no room for it."""

import pytest

from bvinv.core.errors import Busy
from bvinv.core.imports.seen import Seen


def test_the_first_who_was_seen_under_a_name_stays():
    seen = Seen()
    seen.add([("a", 2, "A"), ("b", 3, "B")])
    seen.add([("a", 9, "a")])
    assert seen.find(["a", "b", "c"]) == {"a": (2, "A"), "b": (3, "B")}
    seen.close()


def test_a_scratch_file_that_is_full_is_told_as_that():
    seen = Seen()
    seen._connection.execute("PRAGMA max_page_count = 3")
    with pytest.raises(Busy, match=r"scratch file in .* cannot be written: .*disk is full"):
        seen.add((f"name {n}", n, "S") for n in range(10_000))
    seen.close()


def test_a_temporary_folder_that_is_gone_is_told_as_that(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    with pytest.raises(Busy, match=r"scratch file in .*gone cannot be written"):
        Seen()
