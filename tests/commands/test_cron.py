"""`bvinv cron`: what it prints can be installed as it is."""

import re
import shlex
import shutil
import subprocess
import sys

import pytest

from bvinv.core.jobs import JOBS

FIELDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
ENDS = re.compile(
    r"(?P<command>.*) >(?P<answer>\S+|'.*?') 2>>(?P<log>\S+|'.*?')"
    r" \|\| echo bvinv (?P<words>.*?): exit \$\?, see (?P=log)"
)


@pytest.fixture(autouse=True)
def program(bvinv, monkeypatch, tmp_path):
    """Be started as a program with a space in its path."""
    path = tmp_path / "my programs" / "bvinv"
    path.parent.mkdir()
    path.write_text("#!/bin/sh\n")
    monkeypatch.setattr(sys, "argv", [str(path), "cron"])
    return path


def lines_of(said):
    """Return the jobs of a crontab as when and what, those that are not needed everywhere too."""
    found = [
        line.removeprefix("#")
        for line in said.splitlines()
        if line[:1].isdigit() or line[:2] in ("*/", "#*")
    ]
    return [(line.split(" ", 5)[:5], line.split(" ", 5)[5]) for line in found]


def unescaped(command):
    """Return the command as cron gives it to sh (crontab(5))."""
    assert not re.search(r"(?<!\\)%", command)
    return command.replace(r"\%", "%")


def is_field(said, least, most):
    part, _, step = said.partition("/")
    begin, _, end = (f"{least}-{most}" if part == "*" else part).partition("-")
    inside = least <= int(begin) <= int(end or begin) <= most
    return inside and (not step or 1 <= int(step) <= most)


def test_a_crontab_is_printed_for_this_database(bvinv, program, monkeypatch):
    monkeypatch.delenv("BVINV_ACTOR")
    said = bvinv("cron --folder backups").stdout
    assert said.startswith("# bvinv: begin.")
    assert said.endswith("# bvinv: end\n")
    assert f"\n#   mkdir -p -m 700 {bvinv.path.parent}/backups\n" in said
    jobs = lines_of(said)
    assert len(jobs) == len(JOBS)
    for (fields, line), job in zip(jobs, JOBS, strict=True):
        assert all(is_field(one, *of) for one, of in zip(fields, FIELDS, strict=True)), job
        found = ENDS.fullmatch(unescaped(line))
        words = shlex.split(found["command"])
        assert words[:3] == [f"BVINV_DB={bvinv.path}", "BVINV_ACTOR=cron", str(program)]
        assert words[-1] == "--log-json"
        assert found["words"] == job.command
        assert bvinv(shlex.join([*words[3:], "--help"])).exit_code == 0
        assert found["log"] == f"{bvinv.path}.jobs.jsonl"
        if job.command == "db backup":
            assert words[5] == f"{bvinv.path.parent}/backups/"


def test_paths_of_any_kind_are_quoted_for_cron_and_sh(bvinv, program, tmp_path):
    folder = tmp_path / "100% o'clock $HOME"
    folder.mkdir()
    said = bvinv("--db", f"{folder}/my shop.db", "cron", "--log", f"{folder}/log").stdout
    (_, line), *_ = lines_of(said)
    # As sh reads it: the program that is there writes down what it was given.
    program.write_text('#!/bin/sh\necho "$BVINV_DB|$*" >&2; exit 3\n')
    program.chmod(0o700)
    ran = subprocess.run(["sh", "-c", unescaped(line)], capture_output=True, text=True, check=True)
    assert (folder / "log").read_text() == f"{folder}/my shop.db|reserve expire --log-json\n"
    assert ran.stdout == f"bvinv reserve expire: exit 3, see {folder}/log\n"


def test_the_variables_that_are_set_come_along(bvinv, monkeypatch):
    monkeypatch.setenv("BVINV_IMAGE_HOSTS", ".example.com")
    monkeypatch.setenv("BVINV_ACTOR", "night")
    monkeypatch.setenv("BVINV_JWT_SECRET", "x" * 40)
    said = bvinv("cron").stdout
    assert "BVINV_ACTOR=night BVINV_IMAGE_HOSTS=.example.com" in said
    assert "x" * 40 not in said
    assert "BVINV_LOCK_TIMEOUT" not in said


@pytest.mark.parametrize("kind", ["crontab", "systemd"])
@pytest.mark.parametrize(
    "url", ["postgresql://shop:geheim@db/shop", "postgresql://db/shop?user=shop&password=geheim"]
)
def test_a_password_is_never_printed(bvinv, kind, url):
    ran = bvinv(f"--db '{url}' cron --for {kind}")
    assert ran.exit_code == 0
    assert "geheim" not in ran.stdout + ran.stderr
    assert "umask 077; echo \"BVINV_DB='$BVINV_DB'\" > " in ran.stdout
    loads = "EnvironmentFile=" if kind == "systemd" else "set -a; . "
    assert ran.stdout.count(loads) == len(JOBS)
    assert "BVINV_DB=postgresql" not in ran.stdout


def test_a_url_without_one_is(bvinv):
    said = bvinv("--db postgresql:///shop?host=/run/postgresql cron").stdout
    assert "BVINV_DB='postgresql:///shop?host=" in said


def test_a_crontab_of_the_machine_names_the_user(bvinv):
    (_, line), *_ = lines_of(bvinv("cron --user shop").stdout)
    assert line.startswith("shop BVINV_DB=")


def test_programs_get_rows(bvinv, program):
    rows = bvinv("cron --format json").json
    assert [row["job"] for row in rows] == [job.name for job in JOBS]
    assert rows[0] == {
        "job": "reserve-expire",
        "schedule": "*/5 * * * *",
        "on_calendar": "*:0/5",
        "command": f"'{program}' reserve expire --log-json",
        "what": "close the reservations whose time has run out",
        "unless": "",
    }


@pytest.mark.parametrize("name", ["a\nb", "a\\b"])
def test_what_would_be_another_line_is_refused(bvinv, name):
    ran = bvinv("cron", "--folder", f"/srv/{name}")
    assert ran.refused(2).splitlines()[0].endswith("cannot stand in such a file")


def units_of(said, folder):
    """Write each unit into the file that its first line names, as awk does by the text's advice."""
    assert r"awk '/^# \/etc/ {file = $2} file {print > file}'" in said
    text = said.replace("/etc/systemd/system", str(folder))
    beginning = str(folder).replace("/", r"\/")
    awk = f"/^# {beginning}/ {{file = $2}} file {{print > file}}"
    subprocess.run(["awk", awk], input=text, text=True, check=True)
    return sorted(folder.iterdir())


def test_each_job_has_a_service_and_a_timer(bvinv, program, tmp_path):
    folder = tmp_path / "units"
    folder.mkdir()
    said = bvinv("cron --for systemd --user shop").stdout
    names = [path.name for path in units_of(said, folder)]
    assert names == sorted(
        f"bvinv-{job.name}.{kind}" for job in JOBS for kind in ("service", "timer")
    )
    service = (folder / "bvinv-db-backup.service").read_text()
    assert (
        f'ExecStart="{program}" db backup {tmp_path}/backups/ --keep 7d,4w --log-json\n' in service
    )
    assert f"Environment=BVINV_DB={bvinv.path}\n" in service
    assert "User=shop\n" in service
    assert f"ReadWritePaths=-{tmp_path} -{tmp_path}/backups\n" in service
    timer = (folder / "bvinv-db-backup.timer").read_text()
    assert "OnCalendar=*-*-* 04:30:00\nPersistent=true\n" in timer
    enabled = said.partition("enable --now ")[2].partition("\n")[0].split()
    assert "bvinv-db-backup.timer" in enabled
    assert "bvinv-events-deliver.timer" not in enabled


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze")
def test_systemd_takes_the_units(bvinv, program, tmp_path):
    program.chmod(0o700)
    folder = tmp_path / "units"
    folder.mkdir()
    said = bvinv("--db", f"{tmp_path}/100% my $HOME shop.db", "cron", "--for", "systemd").stdout
    paths = units_of(said, folder)
    said = [line for path in paths for line in path.read_text().splitlines()]
    assert f'Environment="BVINV_DB={tmp_path}/100%% my $HOME shop.db"' in said
    ran = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *map(str, paths)],
        capture_output=True,
        text=True,
        check=False,
    )
    complaints = [line for line in ran.stderr.splitlines() if "bvinv" in line]
    assert (ran.returncode, complaints) == (0, []), ran.stderr
    for job in JOBS:
        subprocess.run(
            ["systemd-analyze", "calendar", job.calendar], check=True, capture_output=True
        )
