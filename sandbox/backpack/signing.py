"""Checks Backpack's request signatures: which strings a client may have signed, whether one verifies, and in time.

`instruction=<name>[&<sorted parameters>]&timestamp=<ms>&window=<ms>`, ED25519 over UTF-8, base64. Strict mode accepts
the documented string only. Lenient mode also accepts what well-known clients sign when a value needs encoding (they
sign the form-encoded value), is a Python boolean in a URL, or repeats a key.
"""

import base64
import binascii
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import quote_plus

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from sandbox.backpack.errors import Problem, invalid_request

DEFAULT_WINDOW_MS = 5_000
MAX_WINDOW_MS = 60_000
MAX_CLOCK_DIFFERENCE_MS = 600_000

# The parameters of one instruction: name → every value it was given, in order.
Parameters = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Stamp:
    """A signature as it came: its raw bytes and the time it claims, in milliseconds."""

    public_key: str
    signature: bytes
    timestamp_ms: int
    window_ms: int


def read_stamp(public_key: str | None, signature: str | None, timestamp: str | None, window: str | None) -> Stamp:
    """Read the four signature fields; raises `Problem` naming the one that is missing or unreadable."""
    if not public_key or len(_decoded(public_key)) != 32:
        raise invalid_request("Invalid X-API-Key header")
    raw = _decoded(signature or "")
    if len(raw) != 64:
        raise invalid_request("Invalid X-Signature header")
    if timestamp is None or not _is_number(timestamp):
        raise invalid_request("Invalid X-Timestamp header")
    if window is not None and (not _is_number(window) or int(window) > MAX_WINDOW_MS):
        raise invalid_request("Invalid X-Window header")
    return Stamp(public_key, raw, int(timestamp), DEFAULT_WINDOW_MS if window is None else int(window))


def check_time(stamp: Stamp, now_ms: int) -> None:
    """Refuse a clock that is grossly off, then a request whose window has passed. The near future is not refused."""
    if abs(now_ms - stamp.timestamp_ms) > MAX_CLOCK_DIFFERENCE_MS:
        raise invalid_request("Invalid timestamp: must be within 10 minutes of current time")
    if now_ms > stamp.timestamp_ms + stamp.window_ms:
        raise invalid_request("Request has expired")


def check_signature(
    stamp: Stamp, key: VerifyKey, instruction: str, groups: Sequence[Parameters], *, strict: bool
) -> None:
    """Refuse unless one of the acceptable strings verifies. `groups` has one entry per order of a batch, else one."""
    for string in signing_strings(stamp, instruction, groups, strict=strict):
        try:
            key.verify(string.encode(errors="replace"), stamp.signature)  # JSON may hold lone surrogates
        except BadSignatureError:
            continue
        return
    raise invalid_signature()


def invalid_signature() -> Problem:
    return invalid_request("Invalid signature")


def signing_strings(stamp: Stamp, instruction: str, groups: Sequence[Parameters], *, strict: bool) -> Iterator[str]:
    """Every acceptable string, the documented one first, each once."""
    seen: set[str] = set()
    for joined in _REPEATS[:1] if strict else _REPEATS:
        for written in _WRITINGS[:1] if strict else _WRITINGS:
            parts = []
            for group in groups:
                parts.append(f"instruction={instruction}")
                for name in sorted(group):
                    parts.extend(f"{name}={written(value)}" for value in joined(group[name]))
            parts.append(f"timestamp={stamp.timestamp_ms}&window={stamp.window_ms}")
            string = "&".join(parts)
            if string not in seen:
                seen.add(string)
                yield string


def json_parameters(body: Mapping[str, Any]) -> Parameters:
    """The parameters of a JSON object as they are signed; nulls are not."""
    return {name: (_json_value(value),) for name, value in body.items() if value is not None}


def query_parameters(pairs: Sequence[tuple[str, str]]) -> Parameters:
    parameters: dict[str, list[str]] = {}
    for name, value in pairs:
        parameters.setdefault(name, []).append(value)
    return parameters


def _json_value(value: Any) -> str:
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | Decimal():
            return str(value)
        case _:
            return json.dumps(value, separators=(",", ":"), default=str)


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 18


def _as_is(value: str) -> str:
    return value


def _form_encoded(value: str) -> str:
    return quote_plus(value, errors="replace")


def _lower_boolean(value: str) -> str:
    return value.lower() if value in {"True", "False"} else value


_WRITINGS: tuple[Callable[[str], str], ...] = (_as_is, _form_encoded, _lower_boolean)
_REPEATS: tuple[Callable[[Sequence[str]], Sequence[str]], ...] = (
    lambda values: values[-1:],
    lambda values: [",".join(values)],
    lambda values: values,
)
