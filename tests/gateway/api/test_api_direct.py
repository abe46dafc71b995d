"""Routes past the router: the same answers for less."""

import json
from collections.abc import Iterator
from typing import Annotated, Any

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI, Request
from starlette.responses import JSONResponse, Response

from gateway.api.direct import Direct
from gateway.api.routes import orders
from gateway.errors import Code, Refusal

router = APIRouter()
calls = list[str]()


async def caller(request: Request) -> str:
    calls.append("caller")
    if "refuse" in request.headers:
        raise Refusal(Code.PERMISSION_DENIED, "no")
    return request.headers.get("name", "nobody")


async def body(request: Request, who: Annotated[str, Depends(caller)]) -> dict[str, Any]:
    return {"who": who, "body": json.loads(await request.body())}


@router.post("/one")
async def one(read: Annotated[dict[str, Any], Depends(body)], who: Annotated[str, Depends(caller)]) -> Response:
    if who == "broken":
        raise ZeroDivisionError
    return JSONResponse([read, who])


@router.get("/one")
async def asked(page: int = 1) -> Response:
    return JSONResponse(page)


@router.get("/some/{name}")
async def named(name: str) -> Response:
    return JSONResponse(name)


@pytest.fixture
def app() -> Iterator[FastAPI]:
    made = FastAPI()
    made.include_router(router)

    @made.exception_handler(Refusal)
    async def refused(request: Request, error: Refusal) -> Response:
        return JSONResponse({"code": error.code, "path": request.url.path}, 403)

    yield made
    calls.clear()


def client_of(app: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x")


def test_only_routes_that_take_nothing_but_the_request_are_called_directly(app: FastAPI) -> None:
    assert Direct(app, [router]).paths == {("POST", "/one")}


def test_orders_are_placed_directly(app: FastAPI) -> None:
    assert ("POST", "/v1/orders") in Direct(app, [orders.router]).paths


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("POST", "/one", {"name": "me"}),
        ("POST", "/one", {"refuse": "yes"}),
        ("GET", "/one", {}),
        ("DELETE", "/one", {}),
        ("GET", "/some/thing", {}),
        ("POST", "/one/", {}),
    ],
)
async def test_answers_are_those_of_the_router(app: FastAPI, method: str, path: str, headers: dict[str, str]) -> None:
    answers = []
    for face in (app, Direct(app, [router])):
        async with client_of(face) as client:
            response = await client.request(method, path, headers=headers, content=b"[1]")
            answers.append((response.status_code, response.content, response.headers))
    assert answers[0] == answers[1]


async def test_what_several_depend_on_is_called_once(app: FastAPI) -> None:
    async with client_of(Direct(app, [router])) as client:
        await client.post("/one", content=b"[]")
    assert calls == ["caller"]


async def test_what_nobody_handles_goes_on_to_the_edge(app: FastAPI) -> None:
    async with client_of(Direct(app, [router])) as client:
        with pytest.raises(ZeroDivisionError):
            await client.post("/one", headers={"name": "broken"}, content=b"[]")
