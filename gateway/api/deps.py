"""What routes ask for: the services, the caller with the right scope, a strictly read body, a page.

All of them are coroutines: FastAPI sends anything else through a thread, which costs more than the request itself.
"""

import json
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, NoReturn, TypeVar

from fastapi import Depends, Query, Request
from pydantic import BaseModel, ValidationError

from gateway.api.context import RequestContext
from gateway.api.problem import READS
from gateway.auth import Client, admitted
from gateway.auth.signing import SIGNATURE
from gateway.errors import Code, Refusal
from gateway.services import Services
from gateway.settings import Scope

BODY_MAX_BYTES = 64 * 1024
MAX_WAIT_MAX_MS = 600_000

Model = TypeVar("Model", bound=BaseModel)


async def services(request: Request) -> Services:
    found: Services = request.app.state.services
    return found


async def context(request: Request) -> RequestContext:
    found: RequestContext = request.state.context
    return found


TheServices = Annotated[Services, Depends(services)]
TheContext = Annotated[RequestContext, Depends(context)]


def _max_wait_s(request: Request) -> float | None:
    """How long this request may wait for a venue's budget, if it says."""
    text = request.headers.get("x-max-wait-ms")
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 6 and int(text) <= MAX_WAIT_MAX_MS):
        raise Refusal(
            Code.INVALID_PARAMETER,
            f"X-Max-Wait-Ms must be whole milliseconds, at most {MAX_WAIT_MAX_MS}",
            field="X-Max-Wait-Ms",
        )
    return int(text) / 1000


async def authenticated(request: Request, request_context: TheContext) -> Client:
    """The client of a valid token, with the wait that this request allows."""
    if request_context.auth_refusal is not None:
        raise request_context.auth_refusal
    client = request_context.client
    if client is None:
        raise Refusal(
            Code.AUTHENTICATION_FAILED,
            "a token is needed: POST /v1/auth/token, then send `Authorization: Bearer <token>`",
        )
    if client.sign_writes and not request_context.is_signed and request.method not in READS:
        raise signature_needed(f"client {client.name} signs whatever changes something")
    max_wait_s = _max_wait_s(request)
    return client if max_wait_s is None else replace(client, max_wait_s=max_wait_s)


def signature_needed(why: str) -> Refusal:
    """The answer to a request that had to be signed and is not."""
    return Refusal(
        Code.INVALID_SIGNATURE,
        f"{why}: sign this request (X-API-Key, X-API-Timestamp, X-API-Signature)",
        field=SIGNATURE,
    )


def may(scope: Scope) -> Callable[[Client, RequestContext], Awaitable[Client]]:
    """A dependency: the client, if it has the scope."""

    async def check(client: Annotated[Client, Depends(authenticated)], request_context: TheContext) -> Client:
        return admitted(client, scope, request_context.address)

    return check


@dataclass(frozen=True, slots=True)
class PublicCaller:
    """Whose budget a public read spends, and how long it may wait for it; None: as configured."""

    name: str
    max_wait_s: float | None
    is_client: bool


async def public_reader(request: Request, the: TheServices, request_context: TheContext) -> PublicCaller:
    """The client, or nobody where no token is needed."""
    if request_context.client is None and the.settings.auth.public:
        if request_context.auth_refusal is not None:
            raise request_context.auth_refusal
        return PublicCaller(f"address {request_context.address}", _max_wait_s(request), is_client=False)
    client = admitted(await authenticated(request, request_context), Scope.READ, request_context.address)
    return PublicCaller(client.name, client.max_wait_s, is_client=True)


Reader = Annotated[Client, Depends(may(Scope.READ))]
Trader = Annotated[Client, Depends(may(Scope.TRADE))]
Canceller = Annotated[Client, Depends(may(Scope.CANCEL))]
RiskOfficer = Annotated[Client, Depends(may(Scope.RISK))]
PublicReader = Annotated[PublicCaller, Depends(public_reader)]

PageNumber = Annotated[int, Query(ge=1, le=1_000_000, description="From 1.")]
PageLimit = Annotated[int, Query(ge=1, le=100)]


def json_body(model: type[Model], *, max_bytes: int = BODY_MAX_BYTES) -> Callable[[Request], Awaitable[Model]]:
    """A dependency: the request's JSON body as `model`; see `openapi_body` for its documentation."""

    async def read(request: Request) -> Model:
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type != "application/json":
            raise Refusal(Code.UNSUPPORTED_MEDIA_TYPE, "send the body as Content-Type: application/json")
        if request.headers.get("content-encoding", "identity").lower() != "identity":
            raise Refusal(Code.UNSUPPORTED_MEDIA_TYPE, "send the body without Content-Encoding")
        return parse_body(model, await _read_bounded(request, max_bytes))

    return read


def openapi_body(model: type[BaseModel]) -> dict[str, Any]:
    """What FastAPI cannot see of `json_body`: the request body in the API's document."""
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


async def _read_bounded(request: Request, max_bytes: int) -> bytes:
    too_large = Refusal(Code.PAYLOAD_TOO_LARGE, f"the body is larger than {max_bytes} bytes")
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or len(length) > 9 or int(length) > max_bytes:
        raise too_large
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise too_large
    return bytes(body)


def parse_body(model: type[Model], body: bytes) -> Model:
    """Read a JSON object strictly: UTF-8, no member twice, none unknown, no NaN.

    Raises `Refusal` naming the member.
    """
    try:
        text = body.decode("utf-8")
        members = json.loads(text, object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
        # JSON can escape half a surrogate pair, which no text holds.
        json.dumps(members, ensure_ascii=False).encode("utf-8")
    except Refusal:
        raise
    except (ValueError, RecursionError):
        raise Refusal(Code.INVALID_REQUEST, "the body is not JSON in UTF-8") from None
    if not isinstance(members, dict):
        raise Refusal(Code.INVALID_REQUEST, "the body must be a JSON object")
    try:
        return model.model_validate(members)
    except ValidationError as error:
        raise invalid_parameter(error.errors()) from None


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        [(name, _)] = Counter(name for name, _ in pairs).most_common(1)
        field = name[:64].encode("utf-8", "replace").decode()  # it may hold half a surrogate pair
        raise Refusal(Code.INVALID_PARAMETER, f"the member {field!r} stands twice", field=field)
    return members


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def invalid_parameter(errors: Sequence[Any], *, skip: int = 0) -> Refusal:
    """The first of pydantic's findings, in our words; `skip` leading parts of its location are not the client's."""
    error = errors[0]
    field = ".".join(str(part) for part in error["loc"][skip:])[:64] or None
    message = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        message = "no such member; the API's document lists them"
    elif error["type"] == "missing":
        message = "is required"
    return Refusal(Code.INVALID_PARAMETER, f"{field}: {message}" if field else message, field=field)
