"""`bvinv serve`: the HTTP API."""

import json
import os
from typing import Annotated

import typer

from bvinv import door, output
from bvinv.core import keys, replica
from bvinv.core.errors import InvalidInput
from bvinv.door import Call

app = typer.Typer(rich_markup_mode=None, add_completion=False)
FACTORY = "bvinv.serve:create_worker_app"
MOST_WORKERS = 64

Host = Annotated[
    str, typer.Option("--host", metavar="ADDRESS", help="Where to listen; 0.0.0.0 is everywhere.")
]
Port = Annotated[
    int, typer.Option("--port", min=0, max=65_535, metavar="N", help="The port; 0 is any free one.")
]
Workers = Annotated[
    int, typer.Option("--workers", min=1, max=MOST_WORKERS, metavar="N", help="Processes.")
]
Certificate = Annotated[
    str, typer.Option("--tls-certificate", metavar="FILE", help="PEM, with the chain: HTTPS.")
]
Key = Annotated[
    str, typer.Option("--tls-key", metavar="FILE", help="PEM, if it is not in the same file.")
]


@door.operates(app)
def serve(
    call: Call,
    host: Host = "127.0.0.1",
    port: Port = 8000,
    workers: Workers = 1,
    tls_certificate: Certificate = "",
    tls_key: Key = "",
) -> None:
    """Serve the HTTP API until SIGTERM or Ctrl-C; what is in flight is answered first.

    Documentation of the API is at /docs.

    Example: bvinv serve --port 8080 --workers 2
    """
    from bvinv.web import limits, openness, server
    from bvinv.web.tokens import Tokens

    configured = door.settings()
    if not host.strip():
        raise InvalidInput("the host is empty", hint="try --host 127.0.0.1")
    has_keys = call.read(keys.any_live)
    openness.check_open(host, has_keys, Tokens.of(configured))
    limits.parse(configured.rate_limit, "BVINV_RATE_LIMIT")
    limits.parse(configured.login_limit, "BVINV_LOGIN_LIMIT")
    if configured.db_replica:
        replica.named(configured.db_replica, call.database)
    # The workers open it anew, each for itself.
    call.database.close()
    where = call.database.url or str(call.database.path)
    os.environ["BVINV_SERVE"] = json.dumps({"db": where, "loopback": openness.is_loopback(host)})
    server.run(
        FACTORY,
        host=host,
        port=port,
        workers=workers,
        certificate=tls_certificate,
        key=tls_key,
        on_started=lambda url: output.note(f"bvinv serves {url}"),
    )
