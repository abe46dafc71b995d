"""What a venue's face is to the rest of the sandbox: requests in, answers out, sockets fed. No I/O.

A face owns everything its venue is peculiar about: paths, signatures, wire formats, errors, stream names.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol
from urllib.parse import parse_qsl

from sandbox.ledger import Ledger
from sandbox.limits import Limits
from sandbox.matching import Order
from sandbox.sockets import Connection, Hub


@dataclass(frozen=True)
class Request:
    """One HTTP request. `target` is what the client asked for to the letter; `arrived_us` is the venue's time."""

    method: str
    path: str
    target: str
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


@dataclass(frozen=True, slots=True)
class Admission:
    """What the door says to a request: who is asking, and an answer at once or how to get one.

    `refused` says in a word why it is turned away, for the ledger.
    """

    caller: Caller
    outcome: Response | Callable[[int], Response]  # called with the time, once
    refused: str | None = None


@dataclass(frozen=True, slots=True)
class Maintenance:
    """Whether the venue is under maintenance, what it says about it, and from when until when (epoch ms)."""

    is_on: bool = False
    message: str | None = None
    window: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the sandbox lends a face: who listens, how often who came, and what really happened."""

    hub: Hub
    limits: Limits
    ledger: Ledger


class Face(Protocol):
    """One venue's manners. Methods are synchronous and run one at a time."""

    going_away_code: int  # how a socket is closed when the venue ends or starts over
    issues_tokens: bool  # whether requests carry tokens that can be over
    close_grace_s: float  # how long a client then has to close it, too, before the venue's end hangs up

    def admit(self, request: Request) -> Admission:
        """Count the request, and refuse it at the door or say how to answer it. Refusals are never exceptions."""

    def connected(self, connection: Connection, now_us: int) -> None:
        """A socket is open."""

    def received(self, connection: Connection, frame: str | bytes, now_us: int) -> None:
        """Take one frame from a socket; replies go to the connection."""

    def disconnected(self, connection: Connection) -> None:
        """A socket is gone."""

    def expire_tokens(self, account: str | None) -> int | None:
        """Refuse from now on the tokens issued so far, of one account or all; how many, or None without tokens."""

    def maintain(self, maintenance: Maintenance) -> None:
        """From now on say and do what goes with this; reads go on in any case."""

    def order_id(self, order: Order) -> str:
        """An order's id as the venue writes it."""

    def advance(self, now_us: int) -> None:
        """Send what is due by the clock alone."""

    def clock_stepped(self, by_us: int) -> None:
        """The venue's clock was put forward or back, and no time passed by that: nothing is due earlier or later."""

    def accounts(self) -> list[dict[str, Any]]:
        """The simulated accounts with their credentials, secrets included."""
