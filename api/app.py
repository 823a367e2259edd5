"""The HTTP application."""

import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import Depends, FastAPI

from api import admin, errors, logs, member, public, strictness, webhooks
from api.audiences import check_audiences
from api.edge import ASGIApp, Edge
from api.hot.lane import HotLane
from api.hot.state import running_lane
from api.idempotency import RepeatedWrite, on_repeated_write
from api.openapi import describe, operation_id
from api.runtime import Runtime, running
from api.settings import Settings
from api.tracing import exporting


def create_app(settings: Settings, runtime: Runtime | None = None) -> FastAPI:
    """The FastAPI application with every route; `runtime` is given by tests, else built at start."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        if runtime is not None:
            app.state.runtime = runtime
            yield
            return
        async with running(settings) as built, AsyncExitStack() as stack:
            stack.enter_context(exporting("api"))
            app.state.runtime = built
            if settings.hot_lane:
                app.state.hot = await stack.enter_async_context(running_lane(built))
            yield

    app = FastAPI(
        title="Unqatu",
        lifespan=lifespan,
        dependencies=[Depends(strictness.check)],
        webhooks=webhooks.router,
        generate_unique_id_function=operation_id,
        redirect_slashes=False,
        separate_input_output_schemas=False,
    )
    if runtime is not None:
        app.state.runtime = runtime
    errors.install(app)
    app.add_exception_handler(RepeatedWrite, on_repeated_write)
    for router in (*public.ROUTERS, *member.ROUTERS, *admin.ROUTERS):
        app.include_router(router)
    check_audiences(app)
    describe(app)
    return app


def create_edge(app: FastAPI) -> ASGIApp:
    """What the server runs: the hot lane, and behind it the edge with the application."""
    return HotLane(Edge(app, unlimited=("/v1/uploads",)), app.state)


def serve() -> ASGIApp:
    """The factory that uvicorn calls in each server process."""
    logs.configure(sys.stderr)
    return create_edge(create_app(Settings()))
