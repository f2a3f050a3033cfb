"""The files of a SQLite database: whose they are, what lies beside them, whether there is room.

None of them is opened: to close it again would let go of SQLite's locks (RELIABILITY.md 2.4).
"""

import os
import re
import shlex
import shutil
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from bvinv.core.keeping import unfinished
from bvinv.core.keeping.findings import CheckRow, Severity, fine

_ENDS = ("", "-wal", "-shm", "-journal", ".lock")
_NEAR_FULL = 64 * 2**20  # bytes; with so few left, the next large command fails
_LOG_IS_LARGE = 128 * 2**20  # bytes
# Where one machine does not see what another has locked, or shares no memory with it.
_NETWORK = re.compile(
    r"(nfs\d?|cifs|smb\w*|9p|afs|ceph|glusterfs|lustre|ncpfs|vboxsf|virtiofs|fuse\.(sshfs|s3fs|"
    r"glusterfs|rclone|davfs\w*))"
)
_ESCAPED = re.compile(r"\\([0-7]{3})")


def permissions(path: Path) -> Iterator[CheckRow]:
    """Yield who else may read or write the files, or put others in their place."""
    files = [(one, one.lstat()) for end in _ENDS if (one := Path(f"{path}{end}")).exists()]
    everybody = [one for one, about in files if about.st_mode & 0o007]
    group = [one for one, about in files if about.st_mode & 0o070 and one not in everybody]
    if everybody:
        yield _open_to("everybody", "error", everybody)
    if group:
        yield _open_to("the group", "warning", group)
    folder = path.parent.stat()
    if folder.st_mode & 0o022 and not folder.st_mode & stat.S_ISVTX:
        yield CheckRow(
            check="permissions",
            severity="error" if folder.st_mode & 0o002 else "warning",
            detail=f"others may put files into the folder {path.parent}",
            mend=f"chmod go-w {shlex.quote(str(path.parent))}",
        )
    owner = files[0][1].st_uid
    others = [one.name for one, about in files if about.st_uid != owner]
    if others:
        names = " ".join(shlex.quote(str(path.with_name(name))) for name in others)
        yield CheckRow(
            check="owner",
            severity="warning",
            detail=f"{', '.join(others)}: not of the owner of {path.name} (user {owner})",
            mend=f"chown {owner} {names}",
        )
    elif owner not in (os.geteuid(), 0) and os.geteuid():
        yield CheckRow(check="owner", severity="info", detail=f"the database is of user {owner}")
    if not everybody and not group:
        yield fine("permissions", "the files are their owner's alone")


def beside(path: Path) -> Iterator[CheckRow]:
    """Yield what lies beside the database that should not. Asked before anybody opens it: SQLite
    replays a journal that it finds."""
    found = []
    journal = Path(f"{path}-journal")
    if journal.exists():
        found.append(
            CheckRow(
                check="sidecars",
                severity="warning",
                detail=f"{journal.name} is not of this database, which has a write-ahead log",
                mend=f"mv {shlex.quote(str(journal))} {shlex.quote(f'{journal}.stale')}",
            )
        )
    gone, killed = "a log whose database is gone", "left by a backup that was killed"
    aside = sorted(path.parent.glob(f"{_globbed(path.name)}-*.stale*"))
    found += [_leftover(path.parent / name, gone) for name in _lonely_logs(path.parent)]
    found += [_leftover(one, killed) for one in unfinished.leftovers(path.parent)]
    found += [_leftover(one, "set aside by a restore", "info") for one in aside]
    yield from found or [fine("sidecars", "nothing stale lies beside the database")]


def removed_logs(path: Path, processes: Path = Path("/proc")) -> Iterator[CheckRow]:
    """Yield the programs that write to a log which is no longer there: what they acknowledge is
    lost (RELIABILITY.md 2.4)."""
    if not processes.is_dir():
        return
    gone = {f"{path}{end} (deleted)" for end in ("", "-wal")}
    for folder in processes.glob("[0-9]*/fd"):
        with suppress(OSError):  # it ended, or is not ours to look at
            held = {str(one.readlink()) for one in folder.iterdir()}
            if held & gone:
                pid = folder.parent.name
                yield CheckRow(
                    check="removed",
                    severity="error",
                    detail=f"process {pid} has files of this database open that were removed: "
                    "what it writes is lost",
                    mend=f"kill {pid}",
                )


def file_system(path: Path, mounts: Path = Path("/proc/mounts")) -> Iterator[CheckRow]:
    """Yield whether the file system is one of this machine alone."""
    best, kind = "", ""
    with suppress(OSError):
        for line in mounts.read_text(encoding="utf-8", errors="replace").splitlines():
            _, point, name, *_ = line.split(" ")
            point = _ESCAPED.sub(lambda octal: chr(int(octal[1], 8)), point)
            # Of two that are mounted at one place, the later hides the earlier.
            if path.is_relative_to(point) and len(point) >= len(best):
                best, kind = point, name
    if _NETWORK.fullmatch(kind):
        yield CheckRow(
            check="file-system",
            severity="error",
            detail=f"{best} is a network file system ({kind}): a write-ahead log needs memory that "
            "programs share",
            mend="bvinv db backup FILE, then restore it on a disk of this machine",
        )
    elif kind:
        yield fine("file-system", f"{kind} at {best}")


def room(path: Path) -> Iterator[CheckRow]:
    """Yield whether the disk has room, and how large the write-ahead log has grown."""
    size, free = path.stat().st_size, shutil.disk_usage(path.parent).free
    said = f"{_megabytes(free)} free, the database has {_megabytes(size)}"
    if free < _NEAR_FULL:
        yield CheckRow(check="room", severity="error", detail=said, mend="free some room")
    elif free < 2 * size:
        yield CheckRow(
            check="room", severity="warning", detail=f"{said}: too little for a backup beside it"
        )
    else:
        yield fine("room", said)
    with suppress(OSError):
        log = Path(f"{path}-wal").stat().st_size
        if log > _LOG_IS_LARGE:
            yield CheckRow(
                check="log",
                severity="warning",
                detail=f"the write-ahead log has {_megabytes(log)}: somebody reads for very long",
                mend="end the program that reads; the next writer puts the log away",
            )


def _open_to(whom: str, severity: Severity, files: list[Path]) -> CheckRow:
    return CheckRow(
        check="permissions",
        severity=severity,
        detail=f"{', '.join(one.name for one in files)}: open to {whom}",
        mend=f"chmod 600 {' '.join(shlex.quote(str(one)) for one in files)}",
    )


def _leftover(path: Path, what: str, severity: Severity = "warning") -> CheckRow:
    return CheckRow(
        check="sidecars",
        severity=severity,
        detail=f"{path.name}: {what}",
        mend=f"rm {shlex.quote(str(path))}",
    )


def _lonely_logs(folder: Path) -> list[str]:
    names = {one.name for one in os.scandir(folder)}
    return sorted(
        name
        for name in names
        if name.endswith("-wal")
        and name.removesuffix("-wal") not in names
        and not name.startswith(".")
    )


def _globbed(name: str) -> str:
    return re.sub(r"([*?\[])", r"[\1]", name)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
