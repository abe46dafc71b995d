"""Routes that are called past the router: those at one path, all of whose inputs are dependencies on the request.

FastAPI matches, documents and resolves them like any others; doing that anew for every order costs more than the order.
What they depend on, answer and raise is the same either way.
"""

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.responses import Response
from starlette.types import Receive, Scope, Send


@dataclass(frozen=True, slots=True)
class _Step:
    """One coroutine to call: its arguments are what other steps return, and the request under this name."""

    call: Callable[..., Awaitable[Any]]
    request_name: str | None
    arguments: Sequence[tuple[str, "_Step"]]

    async def value(self, request: Request, known: dict[Callable[..., Any], Any]) -> Any:
        """What it returns; called once for each request."""
        if self.call in known:
            return known[self.call]
        arguments = {name: await step.value(request, known) for name, step in self.arguments}
        if self.request_name is not None:
            arguments[self.request_name] = request
        known[self.call] = value = await self.call(**arguments)
        return value


class Direct:
    """`app`, with some routes of `routers` before its router. Entered behind the edge, which gives every context."""

    def __init__(self, app: FastAPI, routers: Iterable[APIRouter]):
        self.app = app
        self._routes: Mapping[tuple[str, str], tuple[APIRoute, _Step]] = {
            (method, route.path): (route, step)
            for router in routers
            for route in router.routes
            if isinstance(route, APIRoute) and "{" not in route.path and (step := _step(route.dependant)) is not None
            for method in route.methods or ()
        }

    @property
    def paths(self) -> frozenset[tuple[str, str]]:
        """Method and path of each route that is called directly."""
        return frozenset(self._routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = self._routes.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        if found is None:
            await self.app(scope, receive, send)
            return
        scope["app"], scope["route"] = self.app, found[0]
        request = Request(scope, receive)
        response = await self._answer(request, found[1])
        await response(scope, receive, send)

    async def _answer(self, request: Request, step: _Step) -> Response:
        try:
            response: Response = await step.value(request, {})
        except Exception as error:
            # Whatever has no handler of its own is the edge's to answer, as it is behind the router.
            handlers = self.app.exception_handlers
            handler = next((handlers[kind] for kind in type(error).__mro__ if kind in handlers), None)
            if handler is None or handler is handlers.get(Exception):
                raise
            answer = handler(request, error)
            response = answer if isinstance(answer, Response) else await answer
        return response


def _step(dependant: Dependant) -> _Step | None:
    """How to call it; None if it takes anything but the request and what others return."""
    call = dependant.call
    others = (
        *(dependant.path_params, dependant.query_params, dependant.header_params, dependant.cookie_params),
        *(dependant.body_params, dependant.response_param_name, dependant.background_tasks_param_name),
        *(dependant.websocket_param_name, dependant.http_connection_param_name, dependant.security_scopes_param_name),
    )
    if call is None or any(others) or not inspect.iscoroutinefunction(call):
        return None
    arguments = list[tuple[str, _Step]]()
    for one in dependant.dependencies:
        step = _step(one)
        if step is None or one.name is None:  # without a name: called only for what it refuses
            return None
        arguments.append((one.name, step))
    return _Step(call, dependant.request_param_name, arguments)
