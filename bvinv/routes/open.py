"""What anybody may ask: whether the server is well, its figures, and its documentation."""

import asyncio
import base64
import hashlib
import re
import time
from typing import Any

from fastapi import Request, Response
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse

from bvinv.core import gauges
from bvinv.core.db import Session
from bvinv.core.errors import InventoryError
from bvinv.core.gauges import GaugesRow
from bvinv.web import answers
from bvinv.web.paths import Router
from bvinv.web.worker import Worker, current

router = Router("the server itself")
# The page loads its program from where FastAPI's documentation says that it comes from; what
# stands in the page itself is let through by its hash (Content Security Policy Level 3, 8.3).
_PAGE_POLICY = (
    "default-src 'none'; connect-src 'self'; img-src data: https://fastapi.tiangolo.com; "
    "script-src {} https://cdn.jsdelivr.net; "
    "style-src 'unsafe-inline' https://cdn.jsdelivr.net; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_INLINE = re.compile(r"<script>(.*?)</script>", re.DOTALL)
_FIGURES_SECONDS = 1.0  # for which the database's figures are good: to count takes a moment


def _answer(body: bytes, kind: str) -> Response:
    return Response(body, media_type=kind, headers={"cache-control": "no-store"})


@router.get("/healthz", response_model=dict[str, str])
async def healthz() -> Response:
    """Say that the process is alive."""
    return _answer(answers.encode({"status": "ok"}), "application/json")


@router.get(
    "/readyz",
    response_model=dict[str, str],
    responses={503: {"$ref": "#/components/responses/Problem503"}},
)
async def readyz(request: Request) -> Response:
    """Say that the database answers, so that requests may be sent here."""
    worker = current(request.scope)
    worker.watch.version()
    await worker.read(_looks)
    return _answer(answers.encode({"status": "ready"}), "application/json")


def _looks(session: Session) -> int:
    return session.now


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def metrics(request: Request) -> Response:
    """Show the figures of all processes of this server, as Prometheus reads them.

    While the database is away, those of the database are missing.
    """
    worker = current(request.scope)
    row = worker.monitor.row if worker.monitor else None
    body, kind = worker.metrics.text(await _figures(request.app.state, worker), row)
    return _answer(body, kind)


async def _figures(state: Any, worker: Worker) -> GaugesRow | None:
    """Return the database's figures, counted once a second at most, however many ask."""
    until, counting = getattr(state, "figures", (0.0, None))
    if counting is None or (counting.done() and time.monotonic() >= until):
        counting = asyncio.ensure_future(_counted(worker))
        state.figures = (time.monotonic() + _FIGURES_SECONDS, counting)
    found: GaugesRow | None = await asyncio.shield(counting)
    return found


async def _counted(worker: Worker) -> GaugesRow | None:
    try:
        worker.watch.version()
        return await worker.read(gauges.read)
    except InventoryError:
        return None


@router.get("/openapi.json", include_in_schema=False)
async def openapi(request: Request) -> Response:
    """Show the OpenAPI document, which takes a second to put together, and then is kept."""
    state = request.app.state
    if getattr(state, "document", None) is None:
        state.document = asyncio.ensure_future(
            asyncio.to_thread(lambda: answers.encode(request.app.openapi()))
        )
    body = await asyncio.shield(state.document)
    headers = {"cache-control": "no-cache", "etag": answers.etag(body).decode()}
    return Response(body, media_type="application/json", headers=headers)


@router.get("/docs", include_in_schema=False)
async def docs() -> HTMLResponse:
    """Show the documentation to people."""
    page = get_swagger_ui_html(openapi_url="/openapi.json", title="bvinv")
    hashes = [
        base64.b64encode(hashlib.sha256(one.encode()).digest()).decode()
        for one in _INLINE.findall(bytes(page.body).decode())
    ]
    said = " ".join(f"'sha256-{one}'" for one in hashes)
    page.headers["content-security-policy"] = _PAGE_POLICY.format(said)
    return page
