"""What a venue's face is to the rest of the sandbox: requests in, answers out, sockets fed. No I/O.

A face owns everything its venue is peculiar about: paths, signatures, wire formats, errors, stream names.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol
from urllib.parse import parse_qsl

from sandbox.sockets import Connection


@dataclass(frozen=True)
class Request:
    """One HTTP request. `arrived_us` is when its headers were there, by the venue's clock."""

    method: str
    path: str
    query_string: str
    headers: dict[str, str]  # names lower-case
    body: bytes
    address: str
    arrived_us: int

    @cached_property
    def query(self) -> list[tuple[str, str]]:
        """The query's pairs in order, decoded once."""
        return parse_qsl(self.query_string, keep_blank_values=True)


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    body: bytes
    content_type: str = "application/json; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Caller:
    """Whom a request counts against, and as what."""

    name: str
    account: str | None
    request_class: str


class Face(Protocol):
    """One venue's manners. Methods are synchronous and run one at a time."""

    def caller(self, request: Request) -> Caller:
        """Who is asking, by the key presented (verified or not). The body is not there yet."""

    def too_many_requests(self) -> Response:
        """The answer to a caller over its limit."""

    def answer(self, request: Request, now_us: int) -> Response:
        """Verify, execute, answer. Every refusal is an answer, never an exception."""

    def received(self, connection: Connection, text: str, now_us: int) -> None:
        """Take one text frame from a socket; replies go to the connection."""

    def advance(self, now_us: int) -> None:
        """Send what is due by the clock alone."""

    def accounts(self) -> list[dict[str, Any]]:
        """The simulated accounts with their credentials, secrets included."""
