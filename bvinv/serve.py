"""The HTTP API put together, and where its errors end."""

import gc
import importlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from bvinv import __version__
from bvinv.core.errors import InventoryError
from bvinv.routes import ROUTES
from bvinv.settings import Settings
from bvinv.web import answers, problems, strict
from bvinv.web.documentation import documented, documented_names
from bvinv.web.front import Front
from bvinv.web.worker import Task, Worker


def create_app(task: Task, settings: Settings) -> Front:
    """Return the application of one process, whose lifespan opens and closes its worker."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        worker = Worker(task, settings)
        worker.open()
        app.state.worker = worker
        try:
            yield
        finally:
            worker.close()

    app = FastAPI(
        title="bvinv",
        version=__version__,
        summary="Inventory for people who stock books, and anything else with a SKU.",
        lifespan=lifespan,
        redirect_slashes=False,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    for name in ROUTES:
        module = importlib.import_module(f"bvinv.routes.{name}")
        app.router.routes.extend(module.router.routes)
    app.openapi = partial(documented, app)  # type: ignore[method-assign]
    app.add_exception_handler(InventoryError, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _unknown)
    app.add_exception_handler(Exception, _unforeseen)
    return Front(app, settings)


def create_worker_app() -> Front:
    """Return the application that `bvinv serve` runs in each of its processes."""
    # What is there now stays; to look through all of it again and again took a tenth of the time.
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    return create_app(Task.told(), Settings())


def _respond(error: InventoryError) -> Response:
    made = answers.problem(error)
    response = Response(made.body, made.status)
    response.raw_headers = [*made.headers, (b"content-length", b"%d" % len(made.body))]
    return response


async def _problem(request: Request, error: Any) -> Response:
    return _respond(problems.told(error, str(request.app.state.worker.database)))


async def _invalid(request: Request, error: Any) -> Response:
    return _respond(problems.invalid(error.errors(), documented_names(request.scope["route"])))


async def _unknown(_: Request, error: Any) -> Response:
    if error.status_code == 404:
        return _respond(problems.NoSuchPath("there is no such path", hint="see: /docs"))
    return _respond(strict.Malformed("the body cannot be read"))


async def _unforeseen(_request: Request, _error: Any) -> Response:
    return _respond(problems.unforeseen())
