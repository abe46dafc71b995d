"""A Backpack in this process, without sockets: signed requests in, answers out, frames kept, time only when told."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from nacl.signing import SigningKey

from sandbox.backpack.face import BackpackFace
from sandbox.backpack.keys import key_pair
from sandbox.clock import SteppedClock
from sandbox.config import LimitConfig, SandboxConfig
from sandbox.control import answer_control
from sandbox.face import Request, Response
from sandbox.sockets import Connection
from sandbox.world import World
from tests.sandbox.clients import Params, signing_string

START_US = 1_788_367_519_594_000
ADDRESS = "127.0.0.1"
STILL = SandboxConfig(makers=False, book_levels=5, limits=LimitConfig(enforced=False))


@dataclass(frozen=True)
class Exchange:
    """One request as it was sent, and its answer."""

    method: str
    path: str
    params: Params
    headers: dict[str, str]
    response: Response

    @property
    def status(self) -> int:
        return self.response.status

    @property
    def json(self) -> Any:
        """The answer, with numbers that were written as fractions kept apart from integers."""
        return exact(self.response.body)

    @property
    def content(self) -> Any:
        """The answer's JSON or text; None where it is empty."""
        if not self.response.body:
            return None
        return self.json if self.response.content_type.startswith("application/json") else self.response.body.decode()


@dataclass
class Listener(Connection):
    """A socket that keeps what it is sent."""

    frames: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(ADDRESS)

    def __hash__(self) -> int:
        return id(self)

    def send_frame(self, frame: bytes) -> None:
        header = {126: 4, 127: 10}.get(frame[1], 2)  # by the length of the payload: RFC 6455, 5.2
        self.frames.append(exact(frame[header:]))


class InProcess:
    """One venue and the desks that trade on it."""

    def __init__(self, config: SandboxConfig = STILL) -> None:
        self.clock = SteppedClock(START_US)
        self.world = World(config, self.clock)
        self.keys = {
            account.name: (pair.public, SigningKey(base64.b64decode(pair.secret)))
            for account in config.accounts
            for pair in [key_pair(account.name)]
        }

    @property
    def face(self) -> BackpackFace:
        face = self.world.face
        assert isinstance(face, BackpackFace)
        return face

    def pass_time(self, forward_ms: int) -> None:
        self.clock.leap(forward_ms)
        self.world.advance()

    def call(self, method: str, path: str, params: Params | None = None, *, desk: str = "desk-a") -> Exchange:
        """Send a request, signed where the route asks for it; a millisecond later the next one may come."""
        given: Params = {} if params is None else params
        instruction = instruction_of(self.face, method, path)
        headers = {} if instruction is None else self._signed(desk, instruction, given)
        if method == "GET":
            return self.send(method, path, given, headers, query=urlencode(dict(given), doseq=True))  # type: ignore[arg-type]
        return self.send(method, path, given, headers, body=json.dumps(given).encode())

    def send(
        self, method: str, path: str, params: Params, headers: dict[str, str], *, query: str = "", body: bytes = b""
    ) -> Exchange:
        """Send a request as it is."""
        request = Request(
            method=method,
            path=path,
            target=f"{path}?{query}" if query else path,
            query_string=query,
            headers={name.lower(): value for name, value in headers.items()},
            body=body,
            address=ADDRESS,
            arrived_us=self.clock.now_us(),
        )
        outcome = self.face.admit(request).outcome
        response = outcome if isinstance(outcome, Response) else outcome(self.clock.now_us())
        self.clock.leap(1)
        return Exchange(method, path, params, headers, response)

    def control(self, path: str, body: dict[str, Any]) -> None:
        """Do something to the market by hand."""
        request = Request("POST", path, path, "", {}, json.dumps(body).encode(), ADDRESS, self.clock.now_us())
        response = answer_control(self.world, request)
        assert response.status == 200, response

    def listen(self, *streams: str, desk: str = "desk-a") -> Listener:
        """Subscribe a new socket, signed."""
        listener = Listener()
        self.world.hub.join(listener)
        headers = self._signed(desk, "subscribe", {})
        signature = [headers[name] for name in ("X-API-Key", "X-Signature", "X-Timestamp", "X-Window")]
        frame = {"method": "SUBSCRIBE", "params": streams, "signature": signature}
        self.face.received(listener, json.dumps(frame), self.clock.now_us())
        return listener

    def _signed(self, desk: str, instruction: str, params: Params) -> dict[str, str]:
        public, key = self.keys[desk]
        at = self.clock.now_us() // 1000
        shown = [_shown(item) for item in params] if isinstance(params, list) else _shown(params)
        signature = key.sign(signing_string(instruction, shown, at, 5000).encode()).signature
        return {
            "X-API-Key": public,
            "X-Signature": base64.b64encode(signature).decode(),
            "X-Timestamp": str(at),
            "X-Window": "5000",
        }


def _shown(params: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as they are signed: what has members of its own as JSON."""
    return {
        name: json.dumps(value, separators=(",", ":")) if isinstance(value, dict | list) else value
        for name, value in params.items()
    }


def exact(text: str | bytes) -> Any:
    """JSON in which `1.0` is no integer."""
    return json.loads(text, parse_float=_Fraction)


class _Fraction(float):
    """A JSON number written with a fraction or an exponent."""

    def is_integer(self) -> bool:
        return False


def instruction_of(face: BackpackFace, method: str, path: str) -> str | None:
    """What the caller of a route signs; None where it is public or there is no such route."""
    route = face._routes.get((method, path))
    return None if route is None else route.instruction


def served_routes() -> list[tuple[str, str]]:
    """Every (method, path) the face serves."""
    return sorted(InProcess().face._routes)
