"""Signatures: published and computed vectors, strict and lenient readings, time windows."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from nacl.signing import SigningKey, VerifyKey

from sandbox.backpack.errors import Problem
from sandbox.backpack.fields import parse_json
from sandbox.backpack.signing import (
    Parameters,
    Stamp,
    check_signature,
    check_time,
    json_parameters,
    query_parameters,
    read_stamp,
)

VECTORS = json.loads((Path(__file__).parents[1] / "golden/backpack/signing.json").read_text())
KEY = SigningKey(bytes(range(32)))
PUBLIC = base64.b64encode(bytes(KEY.verify_key)).decode()
NOW_MS = 1_750_793_021_519


def groups_of(vector: dict[str, Any]) -> list[Parameters]:
    """The parameters as they reach the server: a query's values are text, a body is JSON."""
    params = vector["params"]
    if vector["request"].startswith("GET"):
        return [query_parameters([(name, _query_text(value)) for name, value in params.items()])]
    body = parse_json(json.dumps(params).encode())
    return [json_parameters(item) for item in (body if isinstance(body, list) else [body])]


def _query_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def stamp_of(vector: dict[str, Any]) -> Stamp:
    return read_stamp(PUBLIC, vector["signature"], str(vector["timestamp"]), str(vector["window"]))


def signed(string: str, *, timestamp: int = NOW_MS, window: int = 5000) -> Stamp:
    return Stamp(PUBLIC, KEY.sign(string.encode()).signature, timestamp, window)


def verify(stamp: Stamp, instruction: str, groups: list[Parameters], *, strict: bool = False) -> None:
    check_signature(stamp, VerifyKey(bytes(KEY.verify_key)), instruction, groups, strict=strict)


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["id"] for vector in VECTORS])
def test_every_vector_verifies(vector: dict[str, Any]) -> None:
    verify(stamp_of(vector), vector["instruction"], groups_of(vector))


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["id"] for vector in VECTORS])
def test_strict_accepts_the_documented_string_only(vector: dict[str, Any]) -> None:
    if vector["id"] == "X2":  # signs a form-encoded value
        with pytest.raises(Problem, match="Invalid signature"):
            verify(stamp_of(vector), vector["instruction"], groups_of(vector), strict=True)
    else:
        verify(stamp_of(vector), vector["instruction"], groups_of(vector), strict=True)


def test_an_instruction_for_another_endpoint_does_not_verify() -> None:
    with pytest.raises(Problem, match="Invalid signature"):
        verify(stamp_of(VECTORS[0]), "accountQuery", groups_of(VECTORS[0]))


@pytest.mark.parametrize(
    ("pairs", "suffix"),
    [
        ([("reduceOnly", "False")], "reduceOnly=false"),
        ([("marketType", "SPOT"), ("marketType", "PERP")], "marketType=PERP"),
        ([("marketType", "SPOT"), ("marketType", "PERP")], "marketType=SPOT,PERP"),
        ([("marketType", "SPOT"), ("marketType", "PERP")], "marketType=SPOT&marketType=PERP"),
    ],
)
def test_lenient_reads_what_other_clients_sign(pairs: list[tuple[str, str]], suffix: str) -> None:
    string = f"instruction=orderQueryAll&{suffix}&timestamp={NOW_MS}&window=5000"
    verify(signed(string), "orderQueryAll", [query_parameters(pairs)])


def test_null_members_are_not_signed() -> None:
    string = f"instruction=orderCancel&symbol=SOL_USDC&timestamp={NOW_MS}&window=5000"
    verify(signed(string), "orderCancel", [json_parameters({"symbol": "SOL_USDC", "clientId": None})])


@pytest.mark.parametrize(
    ("age_ms", "window", "message"),
    [
        (5_001, 5000, "Request has expired"),
        (60_001, 60_000, "Request has expired"),
        (600_001, 5000, "Invalid timestamp: must be within 10 minutes of current time"),
        (-600_001, 5000, "Invalid timestamp: must be within 10 minutes of current time"),
    ],
)
def test_late_requests_and_wrong_clocks_are_refused(age_ms: int, window: int, message: str) -> None:
    with pytest.raises(Problem) as caught:
        check_time(signed("", window=window), NOW_MS + age_ms)
    assert (caught.value.status, caught.value.code, caught.value.message) == (400, "INVALID_CLIENT_REQUEST", message)


@pytest.mark.parametrize("age_ms", [-599_999, -1, 0, 5000])
def test_a_clock_a_little_ahead_is_accepted(age_ms: int) -> None:
    check_time(signed(""), NOW_MS + age_ms)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ((None, "x", "1", "5000"), "Invalid X-API-Key header"),
        ((PUBLIC, None, "1", "5000"), "Invalid X-Signature header"),
        ((PUBLIC, "%%%", "1", "5000"), "Invalid X-Signature header"),
        ((PUBLIC, VECTORS[0]["signature"], "soon", "5000"), "Invalid X-Timestamp header"),
        ((PUBLIC, VECTORS[0]["signature"], "1", "60001"), "Invalid X-Window header"),
    ],
)
def test_unreadable_headers_are_named(fields: tuple[str | None, ...], message: str) -> None:
    with pytest.raises(Problem, match=message):
        read_stamp(*fields)


def test_the_window_defaults_to_five_seconds() -> None:
    assert read_stamp(PUBLIC, VECTORS[0]["signature"], "1", None).window_ms == 5000
