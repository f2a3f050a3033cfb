"""What makes a machine run the jobs: a crontab, or units of systemd, as text to install."""

import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from bvinv.core import text
from bvinv.core.errors import InvalidInput
from bvinv.core.jobs import JOBS, Job
from bvinv.core.models.job import JobRow

_UNITS = "/etc/systemd/system"
_TEMPORARY = ("/tmp", "/var/tmp")  # noqa: S108
_PLAIN = re.compile(r"[\w@+=:,./-]+", re.ASCII)
# What a job may need is its database, its folders and the network; systemd.exec(5).
_HARDENING = """\
UMask=0077
Nice=10
IOSchedulingClass=idle
NoNewPrivileges=yes
CapabilityBoundingSet=
ProtectSystem=strict
ProtectHome=read-only
ProtectClock=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
PrivateDevices=yes
LockPersonality=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
SystemCallArchitectures=native"""


class Setting(NamedTuple):
    """Where the jobs run: the words that start bvinv, its BVINV_* variables, and the folders.

    `secrets` is a file that sets the variables which nobody else may read, if there are any;
    `writes` are the folders that jobs write to.
    """

    program: tuple[str, ...]
    variables: Mapping[str, str]
    folder: Path
    log: Path
    user: str = ""
    secrets: str = ""
    writes: tuple[Path, ...] = ()


def rows(setting: Setting) -> list[JobRow]:
    """Return the jobs with their whole command lines, for programs."""
    return [
        JobRow(
            job=job.name,
            schedule=job.minutes,
            on_calendar=job.calendar,
            command=shlex.join(_words(job, setting)),
            what=job.what,
            unless=job.unless,
        )
        for job in JOBS
    ]


def crontab(setting: Setting) -> str:
    """Return a crontab(5): of a user, or of /etc/cron.d where the setting names the user.

    Raises InvalidInput for a path that cannot stand there.
    """
    _refuse(setting, forbidden="\\")
    log = shlex.quote(str(setting.log))
    anew = "(crontab -l | sed '/^# bvinv: begin/,/^# bvinv: end/d'; bvinv cron) | crontab -"
    lines = [
        "# bvinv: begin. To make it anew, with the same options as before:",
        "#   bvinv cron --user … > /etc/cron.d/bvinv" if setting.user else f"#   {anew}",
        f"# How each job went is a line of JSON in {setting.log};",
        "# what failed is said to whom cron sends its mail. No job overlaps itself.",
        *_before(setting),
    ]
    for job in JOBS:
        lines += ["", f"# {_sentence(job.what)}"]
        if job.unless:
            lines.append(f"# Not needed where {job.unless}. Elsewhere take the # away.")
        when = f"{job.minutes} {setting.user}".rstrip()
        answer = shlex.quote(str(setting.log.with_name(job.report))) if job.report else "/dev/null"
        ends = f"|| echo bvinv {job.command}: exit $?, see {log}"
        command = f"{_shell(job, setting)} >{answer} 2>>{log} {ends}"
        # cron(8) makes a line break of % (crontab(5)).
        line = f"{when} {command}".replace("%", r"\%")
        lines.append(f"#{line}" if job.unless else line)
    return "\n".join([*lines, "# bvinv: end", ""])


def units(setting: Setting) -> str:
    """Return a service and a timer for each job, each below the name of the file it belongs in.

    Raises InvalidInput for a path that cannot stand there.
    """
    _refuse(setting, forbidden="")
    names = [f"bvinv-{job.name}.timer" for job in JOBS if not job.unless]
    lines = [
        "# Made by `bvinv cron --for systemd`. Each part is the file that its first line names:",
        "#   bvinv cron --for systemd … | awk '/^# \\/etc/ {file = $2} file {print > file}'",
        "#   systemctl daemon-reload",
        f"#   systemctl enable --now {' '.join(names)}",
        *(
            f"# Not needed where {job.unless}; elsewhere:\n"
            f"#   systemctl enable --now bvinv-{job.name}.timer"
            for job in JOBS
            if job.unless
        ),
        "# How each job went: journalctl -u 'bvinv-*'; what failed: systemctl --failed",
        *_before(setting),
        "",
    ]
    for job in JOBS:
        lines += [f"# {_UNITS}/bvinv-{job.name}.service", *_service(job, setting), ""]
        lines += [f"# {_UNITS}/bvinv-{job.name}.timer", *_timer(job), ""]
    return "\n".join(lines)


def _service(job: Job, setting: Setting) -> Iterator[str]:
    yield "[Unit]"
    yield f"Description=bvinv: {job.what}"
    yield "After=network-online.target postgresql.service"
    yield "\n[Service]"
    yield "Type=oneshot"
    if setting.user:
        yield f"User={setting.user}"
    for name, value in setting.variables.items():
        yield f"Environment={_unit(f'{name}={value}')}"
    if setting.secrets:
        yield f"EnvironmentFile={_specified(setting.secrets)}"
    # Only in a command line is a $ more than itself.
    yield "ExecStart=" + " ".join(_unit(one).replace("$", "$$") for one in _words(job, setting))
    answer = f"truncate:{setting.log.with_name(job.report)}" if job.report else "null"
    yield f"StandardOutput={_specified(answer)}"
    yield _HARDENING
    # A database below these would not be seen.
    if not any(one.is_relative_to(hidden) for one in setting.writes for hidden in _TEMPORARY):
        yield "PrivateTmp=yes"
    yield "ReadWritePaths=" + " ".join(_unit(f"-{one}") for one in setting.writes)


def _timer(job: Job) -> Iterator[str]:
    yield "[Unit]"
    yield f"Description=bvinv: {job.what}"
    yield "\n[Timer]"
    yield f"OnCalendar={job.calendar}"
    yield "Persistent=true"
    yield "\n[Install]"
    yield "WantedBy=timers.target"


def _before(setting: Setting) -> list[str]:
    """Return what somebody has to do before the first job runs."""
    folder = shlex.quote(str(setting.folder))
    made = ["# Backups go into a folder that has to be there, and be its user's:"]
    made.append(f"#   mkdir -p -m 700 {folder}")
    if not setting.secrets:
        return made
    return [
        *made,
        "# The database's URL has a password. It belongs, in quotes, into a file of its own:",
        f"#   umask 077; echo \"BVINV_DB='$BVINV_DB'\" > {shlex.quote(setting.secrets)}",
    ]


def _words(job: Job, setting: Setting) -> list[str]:
    words = [one.replace("{folder}", f"{setting.folder}/") for one in job.words.split()]
    return [*setting.program, *words, "--log-json"]


def _shell(job: Job, setting: Setting) -> str:
    """Return the command line for sh(1), with its variables."""
    before = f"set -a; . {shlex.quote(setting.secrets)}; set +a; " if setting.secrets else ""
    said = " ".join(f"{name}={shlex.quote(value)}" for name, value in setting.variables.items())
    return f"{before}{said} {shlex.join(_words(job, setting))}"


def _unit(word: str) -> str:
    """Return a word as it stands in a unit: quoted, no specifier of systemd's in it."""
    if _PLAIN.fullmatch(word):
        return word
    inside = word.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{_specified(inside)}"'


def _specified(said: str) -> str:
    return said.replace("%", "%%")


def _sentence(said: str) -> str:
    return f"{said[0].upper()}{said[1:]}."


def _refuse(setting: Setting, *, forbidden: str) -> None:
    """Raise InvalidInput for a line break and the like, which would be another line's beginning."""
    paths = (*setting.program, str(setting.folder), str(setting.log), setting.user, setting.secrets)
    for said in (*paths, *setting.variables.values()):
        if not all(one.isprintable() and one not in forbidden for one in said):
            raise InvalidInput(
                f"{text.quoted(said)} cannot stand in such a file", hint="give it a plainer name"
            )
