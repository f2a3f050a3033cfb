"""The crash tier: what RELIABILITY.md section 3 asks of crashes, disks, clocks and files, on both
engines. `pytest -m crash -n auto`. Each item, its test, and the number that passes:

    C-01  test_servers, tests.test_serve_crashes   20 kills of serve; PostgreSQL as a whole 6 times
    C-02  test_kills: ..._at_any_moment            50 kills an engine, the next one at once
    C-03  test_kills: ..._at_any_call              300 kills an engine, evenly over a day's calls
    C-04  test_kills, test_servers                 105 of 105 acks after a sync; PostgreSQL's count
    C-05  test_power                               50 plugs pulled, unsynced writes in any mixture
    C-06  test_kills: ..._that_fails               EIO, ENOSPC and lost networks, once and lasting
    C-07  test_disks, tests.test_serve_crashes     a full disk: 20 refusals, then on at once
    C-08  tests.test_serve_crashes                 SIGTERM with 32 writes in flight
    C-09  test_kills: a_hundred_interruptions      100 times Ctrl-C an engine
    C-10  test_waits                               50 stops of a writer, one of them for 10 s
    C-11  test_disks                               19 of 20 flipped bytes; files cut; no -wal
    C-12  tests.test_serve_races                   no file that is open is taken away
    D-01  tests.core.test_reservations             an expired hold is committed by nobody
    D-02  tests.test_races, tests.test_serve_races commit, release and expiry at one moment
    D-03  test_clocks                              an hour behind: 0 times run back
    D-04  test_clocks                              ten years ahead: nothing written, nothing expired
    D-05  tests.test_races                         5 sweeps at once; killed half-way: C-03
    J-01  test_files: twenty backups               20 of 20 have all that was acknowledged before
    J-02  test_files: ..._dies_half_way_...        20 kills each: backup, restore, copy, replay
    J-03  test_files                               stale logs; a database that is served
    J-06  test_migrations                          20 kills from 0001 and 0005; 4 at once
    J-07  tests.core.test_schema, test_verification append-only, and every damage of a chain

`oracle` reads each database by SQL of its own; `day` is the twenty-one commands that most of the
tests kill; `tracing` has strace count and fail their calls.
"""
