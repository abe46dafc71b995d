"""A request on its way to a handler, and what a handler may return."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox.backpack.errors import Problem
from sandbox.backpack.headers import UNCACHED, Headers, page_headers
from sandbox.backpack.pages import Page
from sandbox.backpack.parameters import Parameters
from sandbox.backpack.wire import encode
from sandbox.face import Response
from sandbox.matching import Account

STANDARD = "standard"
HISTORICAL = "historical"
WITHDRAWAL = "withdrawal"
TEXT = "text/plain; charset=utf-8"
EMPTY = Response(200, b"", "", UNCACHED)
ACCEPTED = Response(202, b"", "", UNCACHED)


@dataclass(frozen=True, slots=True)
class Call:
    """`account` is there exactly where the route is signed."""

    query: Parameters
    body: Any
    account: Account
    now_us: int


@dataclass(frozen=True, slots=True)
class Route:
    """A handler, the instruction its caller signs (None: public) with a key of this scope, and how it is answered.

    A handler returns JSON, a `Page`, or a whole `Response`; `request_class` is what the request counts as.
    """

    handler: Callable[[Call], Any]
    instruction: str | None = None
    scope: str = "read"
    request_class: str = STANDARD
    headers: Headers = UNCACHED


Routes = dict[tuple[str, str], Route]


def written(value: Any, headers: Headers) -> Response:
    """The answer for what a handler returned."""
    if isinstance(value, Response):
        return value
    if isinstance(value, Page):
        headers = page_headers(value.total, len(value.rows), value.limit, value.offset)
        return Response(200, encode(value.rows), headers=headers)
    return Response(200, encode(value), headers=headers)


def refusal(problem: Problem) -> Response:
    return Response(problem.status, encode({"code": problem.code, "message": problem.message}), headers=UNCACHED)


def text(value: str) -> Response:
    return Response(200, value.encode(), TEXT, UNCACHED)


def or_no_content(value: Any, headers: Headers) -> Response:
    return Response(204, b"", "", headers) if value is None else written(value, headers)
