"""What clients send is read strictly, before anything else looks at it; nothing of it gives an error of ours."""

import json
from typing import Any

import httpx
import pytest

from tests.gateway.api.running import Running, limit_body

pytestmark = pytest.mark.asyncio(loop_scope="session")

JSON = {"content-type": "application/json"}


async def send(gateway: Running, body: bytes, **headers: str) -> tuple[int, dict[str, Any]]:
    sent = len(gateway.exchange.arrivals)
    found = await gateway.error("POST", "/v1/orders", client="bot", content=body, headers=JSON | headers)
    assert len(gateway.exchange.arrivals) == sent
    assert found[1]["outcome"] == "not_sent"
    return found


def raw(**members: str) -> bytes:
    """A limit order in which the given members stand as they are, JSON or not."""
    body = {name: json.dumps(value) for name, value in limit_body().items()} | members
    return ("{" + ",".join(f'"{name}":{value}' for name, value in body.items()) + "}").encode("utf-8", "surrogatepass")


@pytest.mark.parametrize("member", ["price", "quantity", "quote_quantity"])
@pytest.mark.parametrize(
    "value",
    [
        "1", "1.5", "0.12345678901234567890", "1e400", "-1", "true", "[]", "{}", '""', '"NaN"', '"Infinity"', '"1e5"',
        '"1E5"', '"1_000"', '" 1 "', '"1\\n"', '"１"', '"١"', '"-0"', '"-1"', '"+1"', '"00"', '"01"', '"1."', '".5"',
        '"1.0000000000000000000"', '"1000000000000000000"', '"0x10"', '"1,5"', '"' + "9" * 5_000 + '"', "1" * 4_000,
    ],
)  # fmt: skip
async def test_only_decimal_strings_are_numbers(gateway: Running, member: str, value: str) -> None:
    status, error = await send(gateway, raw(**{member: value}))
    assert (status, error["code"], error["field"]) == (400, "INVALID_PARAMETER", member)


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1" * 5_000, "01", "1.", "+1"])
async def test_what_is_not_json_is_refused(gateway: Running, value: str) -> None:
    status, error = await send(gateway, raw(price=value))
    assert (status, error["code"]) == (400, "INVALID_REQUEST")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b"1",
        b'{"a":1}{"b":2}',
        b'\xef\xbb\xbf{"account":"main"}',
        b"{'account':'main'}",
        b'{"account":"\xff"}',
        b'{"account":"\xed\xa0\x80"}',
        b'{"account":"main\\ud800"}',
        b'{"\\udfff":1}',
        b"[" * 60_000,
        b'{"a":' * 10_000,
        '{"account":"main"}'.encode("utf-16"),
    ],
)
async def test_what_is_no_object_in_utf8_is_refused(gateway: Running, body: bytes) -> None:
    status, error = await send(gateway, body)
    assert (status, error["code"]) == (400, "INVALID_REQUEST")


@pytest.mark.parametrize("name", ["price", "note", "\\ud800", "\\u0070rice"])
async def test_a_member_that_stands_twice_is_refused(gateway: Running, name: str) -> None:
    body = raw()[:-1] + f',"{name}":"1","{name}":"1"}}'.encode()
    status, error = await send(gateway, body)
    assert (status, error["code"]) == (400, "INVALID_PARAMETER")
    assert "twice" in error["message"]


async def test_a_member_that_stands_twice_deep_inside_is_refused(gateway: Running) -> None:
    _, error = await send(gateway, raw(labels='[{"a":1,"a":2}]'))
    assert (error["code"], error["field"]) == ("INVALID_PARAMETER", "a")


async def test_an_unknown_member_is_named(gateway: Running) -> None:
    _, error = await send(gateway, raw(pirce='"1"'))
    assert (error["code"], error["field"]) == ("INVALID_PARAMETER", "pirce")


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("side", '"BUY"'), ("side", "1"), ("side", "null"), ("type", '"lmit"'), ("time_in_force", '"gtc"'),
        ("account", "7"), ("account", '""'), ("symbol", '"' + "S" * 65 + '"'), ("reduce_only", '"true"'),
        ("reduce_only", "1"), ("client_order_id", '"has space"'), ("client_order_id", '"x\\n"'),
        ("client_order_id", '"' + "x" * 65 + '"'), ("client_order_id", '""'), ("client_order_id", '"é"'),
        ("valid_until", '"1"'), ("valid_until", "1.5"), ("valid_until", "-1"), ("valid_until", "1e400"),
        ("valid_until", "99999999999999"), ("max_wait_ms", "60001"), ("max_wait_ms", "-1"), ("max_wait_ms", "true"),
        ("labels", '"a"'), ("labels", '["a","b","c","d","e","f","g","h","i"]'), ("labels", '["a b"]'),
        ("on_unknown", '"explode"'), ("self_trade_prevention", '"maybe"'),
    ],
)  # fmt: skip
async def test_a_member_of_the_wrong_kind_is_named(gateway: Running, member: str, value: str) -> None:
    status, error = await send(gateway, raw(**{member: value}))
    assert (status, error["code"]) == (400, "INVALID_PARAMETER")
    assert error["field"].split(".")[0] == member


@pytest.mark.parametrize("member", ["account", "symbol", "side", "type", "client_order_id"])
async def test_a_missing_member_is_named(gateway: Running, member: str) -> None:
    _, error = await send(gateway, json.dumps(limit_body(**{member: None})).encode())
    assert (error["code"], error["field"]) == ("INVALID_PARAMETER", member)
    assert "required" in error["message"]


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "", "application/jsonp"])
async def test_another_media_type_is_refused(gateway: Running, media_type: str) -> None:
    found = await gateway.error("POST", "/v1/orders", client="bot", content=raw(), headers={"content-type": media_type})
    assert (found[0], found[1]["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


async def test_a_compressed_body_is_refused(gateway: Running) -> None:
    status, error = await send(gateway, raw(), **{"content-encoding": "gzip"})
    assert (status, error["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


async def test_parameters_of_the_media_type_do_not_matter(gateway: Running) -> None:
    answer = await gateway.call(
        "POST",
        "/v1/orders/validate",
        client="bot",
        content=raw(),
        headers={"content-type": "Application/JSON; charset=utf-8"},
    )
    assert (answer.status_code, answer.json()["data"]) == (200, {"valid": True})


@pytest.mark.parametrize("has_length", [True, False])
async def test_a_body_over_64_kib_is_refused(gateway: Running, has_length: bool) -> None:
    body = raw()[:-1] + b" " * 64 * 1024 + b"}"

    async def chunks() -> Any:
        for start in range(0, len(body), 1_000):
            yield body[start : start + 1_000]

    content = body if has_length else chunks()
    found = await gateway.error("POST", "/v1/orders", client="bot", content=content, headers=JSON)
    assert (found[0], found[1]["code"]) == (413, "PAYLOAD_TOO_LARGE")


@pytest.mark.parametrize("length", ["-1", "abc", "²", "1" * 5_000])
async def test_a_length_that_is_none_is_refused(gateway: Running, length: str) -> None:
    headers = [(b"content-length", length.encode("latin-1")), (b"content-type", b"application/json")]
    token = await gateway.token("bot")
    headers.append((b"authorization", f"Bearer {token}".encode()))
    request = httpx.Request("POST", "http://gateway/v1/orders", headers=headers, content=b"{}")
    request.headers = httpx.Headers(headers)
    answer = await gateway.http.send(request)
    gateway.check(answer, is_write=True)
    assert answer.status_code == 413
