"""Venues, markets and their data: public, fresh as asked for, and asked of the venue once for all."""

import asyncio
from typing import Any

import pytest

from adapters.errors import NeverSent, NoAnswer, RateLimited, Unauthorized, VenueError, VenueProtocolError
from adapters.models import VenueName
from tests.gateway.api.running import Running
from tests.gateway.orders.exchange import read_nothing

pytestmark = pytest.mark.asyncio(loop_scope="session")

V = VenueName("sim")
MARKET = "/v1/venues/sim/markets/SOL-USDC"


@pytest.fixture(autouse=True)
def sound_venue(gateway: Running) -> Any:
    gateway.exchange.reads.clear()
    yield
    gateway.exchange.on_read = read_nothing


async def data(gateway: Running, path: str) -> Any:
    answer = await gateway.call("GET", path)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


async def test_markets_are_listed_with_their_grids(gateway: Running) -> None:
    listed = await data(gateway, "/v1/markets?quote=USDC")
    assert [item["symbol"] for item in listed["items"]] == ["BTC-USDC", "SOL-USDC"]
    assert (listed["items"][1]["tick_size"], listed["items"][1]["min_notional"]) == ("0.01", "5")
    assert (await data(gateway, "/v1/markets?base=ETH&type=spot&venue=sim"))["total"] == 1
    assert (await data(gateway, "/v1/markets?type=perpetual"))["total"] == 0
    assert (await data(gateway, "/v1/markets?limit=1&page=3"))["items"][0]["symbol"] == "SOL-USDC"


async def test_a_market_is_found_by_the_venues_name_too(gateway: Running) -> None:
    assert (await data(gateway, "/v1/venues/sim/markets/SOL_USDC"))["symbol"] == "SOL-USDC"


async def test_a_venue_says_what_it_can(gateway: Running) -> None:
    [venue] = await data(gateway, "/v1/venues")
    assert venue == await data(gateway, "/v1/venues/sim")
    assert venue["capabilities"]["order_types"] == ["limit", "market", "post_only"]
    assert {rule["name"] for rule in venue["limits"]} == {"account", "ip"}


async def test_shared_budgets_are_public_and_an_accounts_own_are_not(gateway: Running) -> None:
    assert [rule["rule"] for rule in await data(gateway, "/v1/venues/sim/rate-limits")] == ["ip"]
    answer = await gateway.call("GET", "/v1/accounts/main/rate-limits", client="bot")
    assert {rule["rule"] for rule in answer.json()["data"]} == {"account", "ip"}
    for rule in answer.json()["data"]:
        assert rule["used"] == rule["limit"] - rule["remaining"]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/venues/nowhere", 404, "VENUE_NOT_FOUND"),
        ("/v1/venues/nowhere/markets/SOL-USDC", 404, "VENUE_NOT_FOUND"),
        ("/v1/markets?venue=nowhere", 404, "VENUE_NOT_FOUND"),
        ("/v1/venues/sim/markets/NO-SUCH/ticker", 404, "MARKET_NOT_FOUND"),
        ("/v1/venues/sim/markets/..%2f..%2fsecret/ticker", 404, "ENDPOINT_NOT_FOUND"),
        ("/v1/venues/sim/markets/%00/ticker", 404, "MARKET_NOT_FOUND"),
        ("/v1/venues/sim/markets/%ff/orderbook", 404, "MARKET_NOT_FOUND"),
        ("/v1/venues/" + "v" * 3_000, 404, "VENUE_NOT_FOUND"),
        ("/v1/markets?type=banana", 400, "INVALID_PARAMETER"),
        (MARKET + "/orderbook?depth=0", 400, "INVALID_PARAMETER"),
        (MARKET + "/orderbook?depth=1001", 400, "INVALID_PARAMETER"),
        (MARKET + "/ticker?max_age_ms=-1", 400, "INVALID_PARAMETER"),
        (MARKET + "/ticker?max_age_ms=60001", 400, "INVALID_PARAMETER"),
        (MARKET + "/trades?limit=101", 400, "INVALID_PARAMETER"),
        ("/v1/nothing", 404, "ENDPOINT_NOT_FOUND"),
        ("/v1/markets/", 404, "ENDPOINT_NOT_FOUND"),
        ("/", 404, "ENDPOINT_NOT_FOUND"),
    ],
)
async def test_what_is_not_there_is_said(gateway: Running, path: str, status: int, code: str) -> None:
    found, error = await gateway.error("GET", path)
    assert (found, error["code"]) == (status, code)
    assert len(error["message"]) < 400


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_another_method_is_405_and_names_the_right_one(gateway: Running, method: str) -> None:
    answer = await gateway.call(method, "/v1/markets")
    assert (answer.status_code, answer.json()["error"]["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert answer.headers["allow"] == "GET"


async def test_a_book_is_cut_to_the_depth_asked_for(gateway: Running) -> None:
    book = await data(gateway, MARKET + "/orderbook?depth=2&max_age_ms=0")
    assert (len(book["bids"]), len(book["asks"])) == (2, 2)
    assert book["bids"][0] == ["99", "0.00000001"]


async def test_trades_come_newest_first(gateway: Running) -> None:
    trades = await data(gateway, MARKET + "/trades?limit=2&max_age_ms=0")
    assert [trade["trade_id"] for trade in trades["items"]] == ["30", "29"]
    assert trades["total"] == 30


async def test_an_answer_young_enough_is_not_asked_for_again(gateway: Running) -> None:
    first = (await gateway.call("GET", MARKET + "/ticker?max_age_ms=0")).json()
    again = (await gateway.call("GET", MARKET + "/ticker?max_age_ms=60000")).json()
    assert (first["meta"]["source"], again["meta"]["source"]) == ("venue", "cache")
    assert again["meta"]["as_of_us"] == first["meta"]["as_of_us"]
    assert again["meta"]["age_ms"] >= 0
    assert gateway.exchange.reads == ["ticker"]
    assert (await gateway.call("GET", MARKET + "/ticker?max_age_ms=0")).json()["meta"]["source"] == "venue"
    assert gateway.exchange.reads == ["ticker", "ticker"]


async def test_all_who_ask_at_once_share_one_question(gateway: Running) -> None:
    await asyncio.gather(*(gateway.call("GET", MARKET + "/orderbook?max_age_ms=500&depth=3") for _ in range(20)))
    assert gateway.exchange.reads == ["order_book"]


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (NoAnswer(V, "silence"), 504, "VENUE_TIMEOUT"),
        (NeverSent(V, "refused"), 503, "VENUE_UNAVAILABLE"),
        (VenueProtocolError(V, "garbled", http_status=200), 502, "VENUE_PROTOCOL_ERROR"),
        (RateLimited(V, "slow down", retry_after_s=9), 429, "RATE_LIMIT_EXCEEDED"),
        (Unauthorized(V, "who?"), 502, "VENUE_PROTOCOL_ERROR"),
    ],
)
async def test_a_venue_that_fails_is_said_and_is_no_answer_for_others(
    gateway: Running, error: VenueError, status: int, code: str
) -> None:
    async def fail(_source: str) -> None:
        raise error

    gateway.exchange.on_read = fail
    for _ in range(2):
        found, said = await gateway.error("GET", MARKET + "/ticker?max_age_ms=0")
        assert (found, said["code"], said["venue"]) == (status, code, "sim")
        assert "outcome" not in said
    gateway.exchange.on_read = read_nothing
    assert (await gateway.call("GET", MARKET + "/ticker?max_age_ms=60000")).status_code == 200


async def test_what_an_account_holds_is_read_from_the_venue(gateway: Running) -> None:
    balances = (await gateway.call("GET", "/v1/accounts/main/balances", client="bot")).json()
    assert balances["data"]["items"] == [{"asset": "USDC", "available": "90.5", "locked": "9.5", "total": "100"}]
    assert balances["meta"]["source"] == "venue"
    assert (await gateway.call("GET", "/v1/accounts/main/positions", client="bot")).json()["data"]["items"] == []


async def test_a_public_read_with_a_bad_token_is_refused_rather_than_served_as_nobodys(gateway: Running) -> None:
    status, error = await gateway.error("GET", "/v1/markets", headers={"authorization": "Bearer x"})
    assert (status, error["code"]) == (401, "AUTHENTICATION_FAILED")
