"""Pulling the plug: what a disk holds when the power goes, worked out from what was sent to it.

A day is recorded: each write with its bytes, each sync, each file made and removed. What was not
synced when the power went is then on the disk or not, write by write and sector by sector, in any
combination; of names that were given and taken, some first part is. Source: "All File Systems Are
Not Created Equal" (Pillai and others, OSDI 2014), section 2; SQLite's "Atomic Commit", section 3.1.
"""

import json
import random
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

CALLS = ["openat", "pwrite64", "fsync", "fdatasync", "ftruncate", "unlink", "write"]
MORE = ["-xx", "-y", "-s", "10000000"]  # all of the bytes, and the file's name beside its number
SECTOR = 512
_CALL = re.compile(r"(\w+)\((.*)\) += (-?\d+)(.*)$")
_HEX = re.compile(r"\\x([0-9a-f]{2})")
_FILE = re.compile(r"\d+<(.*?)>")
_TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')


class Step(NamedTuple):
    """One thing that was done: to which file, with what bytes, where."""

    what: str  # make, write, cut, sync, remove, ack
    path: str
    content: bytes = b""
    at: int = 0


def steps(lines: list[str]) -> list[Step]:
    """Return what a trace of the calls says was done, in order."""
    found = []
    for line in lines:
        call = _CALL.match(line)
        if call is None or call[3].startswith("-"):
            continue
        name, said = call[1], call[2]
        file = _FILE.match(said)
        path = _text(file[1]) if file else ""
        match name:
            case "pwrite64":
                text = _TEXT.search(said)
                assert text
                content = _bytes(text[1])[: int(call[3])]
                found.append(Step("write", path, content, int(said.rsplit(", ", 1)[1])))
            case "fsync" | "fdatasync":
                found.append(Step("sync", path))
            case "ftruncate":
                found.append(Step("cut", path, at=int(said.rsplit(", ", 1)[1])))
            case "unlink":
                text = _TEXT.search(said)
                assert text
                found.append(Step("remove", _text(text[1])))
            case "openat" if "O_CREAT" in said:
                opened = _FILE.search(call[3] + call[4])
                if opened:
                    found.append(Step("make", _text(opened[1])))
            case "write":
                text = _TEXT.search(said)
                if text and path.endswith("/log") and b'"done"' in (row := _bytes(text[1])):
                    found.append(Step("ack", path, row))
    return found


def _bytes(said: str) -> bytes:
    return bytes.fromhex("".join(_HEX.findall(said)))


def _text(said: str) -> str:
    return _bytes(said).decode() if "\\x" in said else said


def acks(done: list[Step]) -> dict[str, Any]:
    """Return what was acknowledged, as the oracle wants it."""
    told = [json.loads(step.content) for step in done if step.what == "ack"]
    return {f"day/{one['done']}": one["result"] for one in told}


@dataclass
class File:
    """A file: what is surely on the disk, and what was sent there since."""

    synced: bytearray = field(default_factory=bytearray)
    sent: list[Step] = field(default_factory=list)

    def sync(self) -> None:
        for step in self.sent:
            _apply(self.synced, step)
        self.sent = []

    def after(self, chance: random.Random) -> bytes:
        """Return what it holds after a power cut."""
        content = bytearray(self.synced)
        for step in self.sent:
            match chance.randrange(3):
                case 0:
                    _apply(content, step)
                case 1 if step.what == "write":
                    for start in range(0, len(step.content), SECTOR):
                        if chance.random() < 0.5:
                            part = step.content[start : start + SECTOR]
                            _apply(content, step._replace(content=part, at=step.at + start))
        return bytes(content)


def _apply(content: bytearray, step: Step) -> None:
    if step.what == "cut":
        del content[step.at :]
    end = step.at + len(step.content)
    content.extend(bytes(max(0, (step.at if step.what == "cut" else end) - len(content))))
    content[step.at : end] = step.content


class Disk:
    """A disk with one database on it."""

    def __init__(self, path: Path, content: bytes) -> None:
        """Begin with a file that has been there for long."""
        self._folder = str(path.parent)
        self._prefix = str(path)
        self._names = {str(path): File(bytearray(content))}
        self._kept = dict(self._names)  # the names that surely are on the disk
        self._changed: list[tuple[str, File | None]] = []

    def take(self, step: Step, *, lies: bool = False) -> None:
        """Do one step. A disk that `lies` says that it has synced, and has not."""
        if step.what == "sync":
            if lies:
                return
            if step.path == self._folder:
                self._kept, self._changed = dict(self._names), []
            elif found := self._names.get(step.path):
                found.sync()
        elif step.path not in (self._prefix, f"{self._prefix}-wal"):
            return
        elif step.what == "remove":
            del self._names[step.path]
            self._changed.append((step.path, None))
        elif step.what == "make":
            if step.path not in self._names:
                self._names[step.path] = File()
                self._changed.append((step.path, self._names[step.path]))
        else:
            self._names[step.path].sent.append(step)

    def pull(self, folder: Path, chance: random.Random) -> Path:
        """Write what the disk holds after a power cut to a folder; return the database there."""
        names = dict(self._kept)
        for path, file in self._changed[: chance.randint(0, len(self._changed))]:
            if file is None:
                names.pop(path, None)
            else:
                names[path] = file
        for old in folder.glob(f"{Path(self._prefix).name}*"):
            old.unlink()
        for path, file in names.items():
            (folder / Path(path).name).write_bytes(file.after(chance))
        return folder / Path(self._prefix).name
