"""What routes depend on."""

import inspect
from collections.abc import Iterator

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from gateway.api.routes import accounts, across, auth, markets, orders, system, venues


def below(dependant: Dependant) -> Iterator[Dependant]:
    for one in dependant.dependencies:
        yield one
        yield from below(one)


def test_no_request_waits_for_a_thread() -> None:
    """FastAPI sends whatever is no coroutine through one."""
    routers = [module.router for module in (accounts, across, auth, markets, orders, system, venues)]
    routes = [route for router in routers for route in router.routes if isinstance(route, APIRoute)]
    assert len(routes) > 20
    called = [route.endpoint for route in routes] + [one.call for route in routes for one in below(route.dependant)]
    assert {one.__qualname__ for one in called if one and not inspect.iscoroutinefunction(one)} == set()
