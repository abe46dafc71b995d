"""Numbers, names, paths and bodies that are not what they seem: refused by name, and no venue hears of them."""

import json
import time
from typing import Any

import pytest
import pytest_asyncio

from tests.faults.served import Answer, Served
from tests.gateway.api.running import Running, fresh_id, limit_body

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def nothing_reaches_the_venue(gateway: Running) -> Any:
    exchange = gateway.exchange
    before = (len(exchange.arrivals), exchange.cancels)
    exchange.reads.clear()
    yield
    assert (len(exchange.arrivals), exchange.cancels) == before
    assert set(exchange.reads) <= {"time", "markets", "resting"}, "what the gateway asks of its own accord"


async def refused(gateway: Running, body: Any, path: str = "/v1/orders") -> dict[str, Any]:
    status, error = await gateway.error("POST", path, client="bot", json=body)
    assert (400 <= status < 500, error["outcome"]) == (True, "not_sent")
    return error


NO_NUMBERS: tuple[Any, ...] = (
    "NaN", "nan", "sNaN", "-NaN", "Infinity", "-Infinity", "inf", "1e400", "1E+2", "1e-400", "1e999999999", "0e0",
    "9" * 19, "9" * 5_000, "0." + "1" * 19, "0." + "1" * 40, "-1", "-0", "+5", "5.", ".5", ".", "", " ", " 1", "1 ",
    "1\n", "\t1", "1_000", "1,5", "1'000", "１２", "٣", "१", "²", "½", "Ⅷ", "0x10", "0b1", "00", "01", "1.2.3", "1/3",
    "1%", "$1", "1e", "--1", "1-", "\x001", "1\x00", "\u200b1", "1\u202e", "１", "null", "true", "{}", "[]", 1, 1.5, 0,
    -1, 10**30, True, False, [], ["1"], [1], {}, {"$gt": "0"}, {"value": "1"},
)  # fmt: skip


@pytest.mark.parametrize("member", ["price", "quantity"])
async def test_what_is_no_plain_decimal_is_refused_in_no_time(gateway: Running, member: str) -> None:
    for value in NO_NUMBERS:
        started = time.process_time()
        error = await refused(gateway, limit_body() | {member: value})
        assert (error["code"], error["field"]) == ("INVALID_PARAMETER", member), value
        assert time.process_time() - started < 0.5, value


NO_CLIENT_ORDER_IDS: tuple[Any, ...] = (
    "", " ", "a b", "x" * 65, "x" * 300, "x" * 10_000, "é", "ａ", "а", "a\r\nb", "a\n", "\x00", "*", "{a}", '"]]',
    "a:b", "a/b", "..", "../a", "a%2fb", "${jndi:ldap://x}", "%n", "\x1b[31m", "a\u202eb", "a;b", "a'b",
    "cg:{sim}:order", -1, 0, 1, 2**32, 2**53 + 1, 2**64, 1e3, True, [], ["a"], {}, {"$ne": ""},
)  # fmt: skip


async def test_an_idempotency_key_is_of_its_grammar_or_refused(gateway: Running) -> None:
    for value in NO_CLIENT_ORDER_IDS:
        error = await refused(gateway, limit_body() | {"client_order_id": value})
        assert (error["code"], error["field"]) == ("INVALID_PARAMETER", "client_order_id"), value


NO_SYMBOLS = (
    "../../account/balance", "..%2f..%2fcapital", "%252e%252e%252f", "SOL-USDC?x=1", "SOL-USDC#",
    "SOL-USDC/../BTC-USDC",
    "//evil", "@evil", "http://169.254.169.254/", "SOL-USDC\r\nX: y", "SOL-USDC\x00", "\x00", "SOL-USDC ", " SOL-USDC",
    "sol-usdc", "ＳＯＬ-USDC", "SОL-USDC", "SOL\u2010USDC", "SOL-USDC\u202e", "\u200bSOL-USDC", "SOL-USDC\ufeff", "*",
    "SOL-*",
    "{sim}", '"]]', "'; DROP", "${jndi:ldap://x}", "%s%n", "\x1b[2J", "__class__", "null", "SOL-USDC,BTC-USDC", "İ",
)  # fmt: skip


async def test_a_symbol_is_one_of_the_venues_or_none(gateway: Running) -> None:
    for symbol in NO_SYMBOLS:
        error = await refused(gateway, limit_body(symbol=symbol))
        assert (error["code"], error["field"]) == ("MARKET_NOT_FOUND", "symbol"), symbol
        status, error = await gateway.error(
            "GET", "/v1/orders", client="bot", params={"account": "main", "symbol": symbol}
        )
        assert (status, error["code"]) == (404, "MARKET_NOT_FOUND"), symbol
    others: tuple[Any, ...] = (1, None, True, [], ["SOL-USDC"], {}, "", "S" * 65)
    for other in others:
        error = await refused(gateway, limit_body() | {"symbol": other})
        assert (error["code"], error["field"]) == ("INVALID_PARAMETER", "symbol"), other


@pytest.mark.parametrize(
    "venue",
    ["http://169.254.169.254/", "sim.evil.com", "sim@evil", "SIM", "sim\x00", "sim?", "ｓim", "{sim}", "*", "../sim"],
)
async def test_a_venue_is_one_of_the_configured_or_none(gateway: Running, venue: str) -> None:
    status, error = await gateway.error("GET", "/v1/markets", params={"venue": venue})
    assert (status, error["code"]) == (404, "VENUE_NOT_FOUND")


MORE_MEMBERS = (
    "scope", "scopes", "account_id", "accounts", "client", "owner", "venue", "venue_client_id", "clientId", "client_id",
    "order_id", "status", "leverage", "__class__", "__proto__", "constructor", "Price", "price ", "PRICE", "price\x00",
    "pricе", "", "*", "is_admin", "valid_until_ms", "$where", "signature",
)  # fmt: skip


async def test_a_member_nobody_asked_for_is_refused(gateway: Running) -> None:
    for name in MORE_MEMBERS:
        error = await refused(gateway, limit_body() | {name: "1"})
        assert error["code"] == "INVALID_PARAMETER", name
        assert error.get("field", "") == name, name


TWICE = ("account", "symbol", "side", "type", "quantity", "price", "client_order_id", "reduce_only", "note")


async def test_a_member_that_stands_twice_is_refused_whichever_it_is(gateway: Running) -> None:
    for name in TWICE:
        text = json.dumps(limit_body())[:-1] + f',"{name}":"1","{name}":"1"}}'
        _, error = await gateway.error(
            "POST", "/v1/orders", client="bot", content=text, headers={"content-type": "application/json"}
        )
        assert (error["code"], error["field"]) == ("INVALID_PARAMETER", name)


MEDIA_TYPES = (
    "text/plain", "text/json", "application/jsonp", "application/x-json", "application/json-patch+json", "*/*", "json",
    "application/vnd.api+json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
    "application/xml",
    "application/json, text/plain", "text/plain; application/json", "",
)  # fmt: skip


async def test_a_body_of_another_kind_is_refused(gateway: Running) -> None:
    for kind in MEDIA_TYPES:
        for path in ("/v1/orders", "/v1/orders/validate"):
            status, error = await gateway.error(
                "POST", path, client="bot", content=json.dumps(limit_body()), headers={"content-type": kind}
            )
            assert (status, error["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE"), kind


@pytest.mark.parametrize(
    ("charset", "code"), [("utf-7", "INVALID_PARAMETER"), ("utf-16", "INVALID_REQUEST"), ("utf-32", "INVALID_REQUEST")]
)
async def test_a_body_is_utf_8_whatever_its_media_type_says(gateway: Running, charset: str, code: str) -> None:
    """A charset is not believed: the price of the first reads `+ADw-1+AD4-`, and the others are no JSON."""
    headers = {"content-type": f"application/json; charset={charset}"}
    body = json.dumps(limit_body(price="<1>")).encode(charset)
    status, error = await gateway.error("POST", "/v1/orders", client="bot", content=body, headers=headers)
    assert (status, error["code"]) == (400, code)


QUERIES = (
    "limit=0", "limit=-1", "limit=101", "limit=1e2", "limit=0x10", "limit=NaN", "limit=", "limit=٣", "limit=1.5",
    "limit=99999999999999999999", "limit=" + "9" * 5_000, "page=0", "page=1000001", "page=2147483648", "page=-1",
    "page=9223372036854775808", "limit=null", "limit=[]", "page=%00",
)  # fmt: skip


async def test_numbers_of_a_query_stay_in_their_bounds(gateway: Running) -> None:
    for query in QUERIES:
        for path in ("/v1/markets?", "/v1/orders?account=main&", "/v1/accounts?"):
            status, error = await gateway.error("GET", path + query, client="bot")
            assert (status, error["code"], error["field"]) == (400, "INVALID_PARAMETER", query.partition("=")[0]), query
    for query in ("orderbook?depth=0", "orderbook?depth=1001", "orderbook?depth=4294967296", "ticker?max_age_ms=-1"):
        status, error = await gateway.error("GET", f"/v1/venues/sim/markets/SOL-USDC/{query}")
        assert (status, error["code"]) == (400, "INVALID_PARAMETER"), query


@pytest.mark.parametrize("value", [-1, 9_999_999_999_999 + 1, 253402300800000, 2**63, 2**64, 1e3, 1.5, "1", True, []])
async def test_times_stay_in_their_bounds(gateway: Running, value: Any) -> None:
    error = await refused(gateway, limit_body() | {"valid_until": value})
    assert (error["code"], error["field"]) == ("INVALID_PARAMETER", "valid_until")


HEAVY = {
    "a symbol of 1 MB": (json.dumps(limit_body(symbol="S" * 1_000_000)), "PAYLOAD_TOO_LARGE"),
    "a symbol of 60 kB": (json.dumps(limit_body(symbol="S" * 60_000)), "INVALID_PARAMETER"),
    "an id of 60 kB": (json.dumps(limit_body(client_order_id="-" * 60_000)), "INVALID_PARAMETER"),
    "60,000 digits": ('{"price":' + "9" * 60_000 + "}", "INVALID_REQUEST"),
    "60,000 digits in quotes": (json.dumps(limit_body(price="9" * 60_000)), "INVALID_PARAMETER"),
    "60,000 lists": ("[" * 60_000, "INVALID_REQUEST"),
    "10,000 objects": ('{"a":' * 10_000, "INVALID_REQUEST"),
    "12,000 labels": (json.dumps(limit_body(labels=["a"] * 12_000)), "INVALID_PARAMETER"),
    "5,000 members": (json.dumps({f"m{number}": 0 for number in range(5_000)}), "INVALID_PARAMETER"),
    "10,000 escapes": ('{"account":"' + "\\u0061" * 10_000 + '"}', "INVALID_PARAMETER"),
}


@pytest.mark.parametrize("name", HEAVY)
async def test_what_is_heavy_to_read_is_refused_in_no_time(gateway: Running, name: str) -> None:
    text, code = HEAVY[name]
    await gateway.token("bot")
    started = time.process_time()
    _, error = await gateway.error(
        "POST", "/v1/orders", client="bot", content=text, headers={"content-type": "application/json"}
    )
    assert time.process_time() - started < 0.5
    assert error["code"] == code
    assert len(json.dumps(error)) < 2_000, "what was sent is not sent back"


# --- paths and methods, as bytes on the wire


OTHER_PATHS = (
    "/V1/orders", "/v1/Orders", "//v1/orders", "/v1//orders", "/v1/orders/", "/v1/orders;a=b", "/v1/./orders",
    "/v1/x/../orders", "/v1/orders%2f", "/v1/orders%00", "/v1/orders.json", "/%76%31/nope",
    "/v1/orders%3Faccount=main", "/v1/accounts/main/../second/balances", "/v1/accounts/main%2f..%2fsecond/balances",
    "/v1/venues/sim/markets/..%2f..%2fcapital/ticker", "/.git/config", "/v2/orders", "*", "/v1/orders\\",
)  # fmt: skip
OTHER_METHODS = ("HEAD", "TRACE", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "PURGE", "LINK")


async def ask(server: Served, method: str, path: str, *headers: str) -> Answer:
    token = await server.gateway.token("bot")
    lines = (f"{method} {path} HTTP/1.1", "Host: a", f"Authorization: Bearer {token}", "Connection: close", *headers)
    [answer] = await server.say("\r\n".join((*lines, "", "")).encode())
    return answer


async def test_a_path_is_written_in_one_way(server: Served) -> None:
    for path in OTHER_PATHS:
        answer = await ask(server, "GET", path)
        assert answer.status in {404, 400}, path
        assert answer.code in {"ENDPOINT_NOT_FOUND", "INVALID_REQUEST"}, path


async def test_a_method_is_its_own_and_no_other(server: Served) -> None:
    for method in OTHER_METHODS:
        for path in ("/v1/orders", "/v1/orders?_method=POST"):
            answer = await ask(server, method, path, "X-HTTP-Method-Override: POST")
            assert (answer.status, "allow" in answer.headers) == (405, True), method
            assert (answer.body == b"") is (method == "HEAD"), method
    answer = await ask(server, "BREW", "/v1/orders")
    assert (answer.status, answer.code) == (400, "INVALID_REQUEST")


NAMES = ("*", "{a}", "{sim}:order", '"]]', "a:b", "%0d%0a", "%00", "[a-z]", "?", "..", "x" * 3_000, "\\", "${a}", "%2a")


async def test_a_name_in_a_path_is_a_name_and_no_pattern(server: Served) -> None:
    """Whatever stands there is compared, never matched: an order that exists is not found by a pattern."""
    for name in NAMES:
        for path in (f"/v1/accounts/main/orders/by-client-id/{name}", f"/v1/orders/{name}"):
            for method in ("GET", "DELETE"):
                answer = await ask(server, method, path)
                assert answer.status in {404, 400, 405}, (method, path)
                assert answer.status != 405 or name == "?", (method, path)
    for client_order_id in (fresh_id(), "x" * 64):
        path = f"/v1/accounts/main/orders/by-client-id/{client_order_id}"
        assert (await ask(server, "GET", path)).code == "ORDER_NOT_FOUND"
