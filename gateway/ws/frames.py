"""What clients send and what they are answered with: the shapes, their limits, the close codes (pure)."""

import json
import re
from enum import IntEnum
from typing import Any, Literal

import msgspec

from gateway.errors import Code, Refusal

FRAME_MAX_BYTES = 64 * 1024


class CloseCode(IntEnum):
    """Why we close a connection: up to 4099 connecting again is right, from 4100 on it is not."""

    RESTARTING = 1012
    """This replica is going away; another one serves."""
    IDLE = 4000
    """No frame from the client for too long."""
    SLOW = 4001
    """The client does not read what it asked for; it may resume with `since`."""
    FRAME_TOO_LARGE = 4100
    REVOKED = 4101
    """Something that the client was granted has been taken away; it has to log in anew."""


Id = str | int | None


class Since(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    epoch: int
    seq: int


class _TopicFrame(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Names a topic. Members of channels that this version does not serve are known, so as to be refused by name."""

    channel: str
    venue: str | None = None
    symbol: str | None = None
    account: str | None = None
    depth: int | None = None
    interval: str | None = None
    aggregation_ms: int | None = None
    id: Id = None


class Subscribe(_TopicFrame, frozen=True, tag_field="op", tag="subscribe", kw_only=True):
    mode: str = "full"
    interval_ms: int | None = None
    since: Since | None = None
    after: str | None = None


class Unsubscribe(_TopicFrame, frozen=True, tag_field="op", tag="unsubscribe", kw_only=True):
    pass


class Auth(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="op", tag="auth", kw_only=True):
    token: str
    id: Id = None


class Ping(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    type: Literal["ping"]
    id: Id = None


ClientFrame = Subscribe | Unsubscribe | Auth | Ping
_Operation = Subscribe | Unsubscribe | Auth

_ID_MAX_LENGTH = 64
_ID_MAX = 2**53 - 1
_AT = re.compile(r" - at `\$\.?(?P<path>[^`]*)`$")
_MEMBER = re.compile(r"(?:unknown field|missing required field) `(?P<name>[^`]*)`")


class BadFrame(Refusal):
    """A frame that is answered with an error; `id` is the frame's own, where it could be read."""

    def __init__(self, code: Code, message: str, *, field: str | None = None, id: Id = None):  # noqa: A002  # its name on the wire
        super().__init__(code, message, field=field)
        self.id = id


def decode(text: str) -> ClientFrame:
    """Read a client's frame strictly: unknown and repeated members are refused. Raises `BadFrame`."""
    members = _members(text)
    own_id = _own_id(members.get("id"))
    try:
        if "op" in members:
            operation: _Operation = msgspec.convert(members, _Operation)
            return operation
        return msgspec.convert(members, Ping)
    except msgspec.ValidationError as error:
        field = _field(str(error))
        code = Code.INVALID_PARAMETER if _AT.search(str(error)) else Code.INVALID_REQUEST
        message = _AT.sub("", str(error))
        if "op" not in members and members.get("type") != "ping":
            message = 'a frame has "op" (auth, subscribe, unsubscribe) or is {"type": "ping"}'
        raise BadFrame(code, message, field=field, id=own_id) from None


def _members(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
        json.dumps(value, ensure_ascii=False).encode()  # half of a surrogate pair is JSON, but no text
    except (ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, _NotPlain) else "the frame is not JSON"
        raise BadFrame(Code.INVALID_REQUEST, reason) from None
    if not isinstance(value, dict):
        raise BadFrame(Code.INVALID_REQUEST, "a frame is one JSON object")
    return value


class _NotPlain(ValueError):
    """JSON as Python reads it, which is more than JSON is."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _NotPlain("a member appears twice")
    return members


def _no_constant(name: str) -> None:
    raise _NotPlain(f"{name} is not JSON")


def _own_id(value: object) -> Id:
    match value:
        case None:
            return None
        case bool():
            pass
        case str() if len(value) <= _ID_MAX_LENGTH:
            return value
        case int() if -_ID_MAX <= value <= _ID_MAX:
            return value
    raise BadFrame(Code.INVALID_PARAMETER, f"an id is an integer or at most {_ID_MAX_LENGTH} characters", field="id")


def _field(message: str) -> str | None:
    at, member = _AT.search(message), _MEMBER.search(message)
    parts = [at["path"] if at else "", member["name"] if member else ""]
    return ".".join(part for part in parts if part) or None
