"""Every call against a scripted server on a real socket: what is sent, and what each answer comes to."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import pytest

from adapters import errors
from adapters.common.transport import HttpTransport
from adapters.contract import Call, Endpoints, SendTime, Trading, Venue, VenueAccount, VenueSettings
from adapters.models import AccountName, OrderStatus, OrderType, VenueClientId, VenueSymbol
from adapters.registry import FACTORIES
from adapters.zanbara.signing import Key, signed_headers
from tests.adapters.doubles import FixedClock, RecordingThrottle
from tests.adapters.loopback import Loopback, Script, Seen, answering, loopback, response
from tests.adapters.memory_tokens import MemoryTokens
from tests.adapters.zanbara.samples import (
    API_KEY,
    API_SECRET,
    CREDENTIALS,
    NOW_MS,
    SELL_POST_ONLY,
    SOL,
    VENUE,
    answer,
    answered,
    data,
    golden_bytes,
    page,
)

D = Decimal
CID = SELL_POST_ONLY.venue_client_id
SENT_MS = NOW_MS - 100


async def begin_send() -> SendTime:
    return SendTime(timestamp_ms=SENT_MS, window_ms=5000)


class Tokens:
    """Gives `token-0`, `token-1`, … a new one after each refusal, without logging in."""

    def __init__(self) -> None:
        self.refusals: list[str] = []

    async def get(self, fetch: object) -> str:
        return f"token-{len(self.refusals)}"

    async def refused(self, token: str) -> None:
        self.refusals.append(token)


@dataclass(slots=True)
class Rig:
    server: Loopback
    venue: Venue
    account: VenueAccount
    tokens: Tokens
    clock: FixedClock
    throttle: RecordingThrottle = field(default_factory=RecordingThrottle)

    @property
    def trading(self) -> Trading:
        assert self.account.trading is not None
        return self.account.trading

    async def place(self) -> Any:
        body = self.trading.encode(SELL_POST_ONLY)
        return await self.trading.place(SELL_POST_ONLY, body, throttle=self.throttle, begin_send=begin_send)

    async def cancel(self) -> Any:
        return await self.trading.cancel(SOL, CID, self.throttle)

    async def order(self) -> Any:
        return await self.trading.order(SOL, CID, self.throttle)


@contextlib.asynccontextmanager
async def rig(script: Script | bytes, tokens: Any = None, **settings: Any) -> AsyncIterator[Rig]:
    transport = HttpTransport()
    async with loopback(answering(script) if isinstance(script, bytes) else script) as server:
        endpoints = Endpoints(server.url, "ws://127.0.0.1:1")
        clock = FixedClock(NOW_MS)
        venue = FACTORIES["zanbara"](VenueSettings(VENUE, endpoints, **settings), transport=transport, clock=clock)
        tokens = tokens or Tokens()
        account = venue.open_account(AccountName("main"), CREDENTIALS, transport, tokens)
        yield Rig(server, venue, account, tokens, clock)
        await transport.aclose()


def error(code: str, status: str = "400 Bad Request", headers: str = "", **more: Any) -> bytes:
    body = {"success": False, "error": {"code": code, "message": "whatever", **more}, "timestamp": NOW_MS}
    return response(json.dumps(body).encode(), status, headers)


CREATED = "201 Created"
TOKEN_REFUSED = response(golden_bytes("error_token_refused_synthetic"), "401 Unauthorized")
BAD_GATEWAY = response(b"<html>", "502 Bad Gateway", "content-type: text/html\r\n")
PLACED = response(answered("order_post_only_synthetic"), CREATED)


def check_signature(seen: Seen, *, timestamp_ms: int, bearer: str = "token-0") -> None:
    expected = dict(
        signed_headers(Key(CREDENTIALS), seen.method, seen.path.encode(), seen.body, timestamp_ms=timestamp_ms)
    )
    assert {name: seen.headers[name.decode().lower()].encode() for name in expected} == expected
    assert seen.headers["authorization"] == f"Bearer {bearer}"


# --- reads


async def test_server_time_is_public() -> None:
    async with rig(response(golden_bytes("server_time"))) as r:
        assert await r.venue.market_data.server_time_ms(r.throttle) == 1_696_752_000_000
        (seen,) = r.server.requests
        assert (seen.method, seen.path, seen.query) == ("GET", "/v1/system/time", {})
        assert not {name for name in seen.headers if name.startswith("x-") or name == "authorization"}
        assert (r.throttle.calls, r.throttle.events) == (["server_time"], ["granted", "started", "answered"])


async def test_markets_are_paged_and_other_kinds_are_left_out() -> None:
    sol, eth = data("symbols_synthetic")["items"]
    dated = {"symbol": "SOL-0925", "contract_type": "future", "tick_size": {"something": "new"}}
    script = answering(response(page(sol, dated, total=3, has_next=True)), response(page(eth, total=3)))
    async with rig(script) as r:
        markets = await r.venue.market_data.markets(r.throttle)
        assert [market.symbol for market in markets] == ["SOL-USDC-PERP", "ETH-USDC-PERP"]
        assert markets[0] == SOL
        assert [seen.query for seen in r.server.requests] == [
            {"page": "1", "limit": "100"},
            {"page": "2", "limit": "100"},
        ]
        assert r.throttle.calls == ["markets", "markets"]


async def test_ticker_and_a_market_that_has_none() -> None:
    script = answering(
        response(golden_bytes("ticker_synthetic")), response(answered("ticker_synthetic", last_price=None))
    )
    async with rig(script) as r:
        assert (await r.venue.market_data.ticker(SOL, r.throttle)).last_price == D("150.5")
        assert r.server.requests[0].path == "/v1/market/ticker/SOL-PERP"
        with pytest.raises(errors.DefiniteNo):
            await r.venue.market_data.ticker(SOL, r.throttle)


@pytest.mark.parametrize(("depth", "asked"), [(0, "1"), (7, "7"), (100, "100"), (1000, "100")])
async def test_book(depth: int, asked: str) -> None:
    async with rig(response(golden_bytes("orderbook_synthetic"))) as r:
        book = await r.venue.market_data.order_book(SOL, depth, r.throttle)
        assert (book.update_id, book.bids[0].price) == (10_021, D("150.49"))
        (seen,) = r.server.requests
        assert (seen.path, seen.query) == ("/v1/market/orderbook/SOL-PERP", {"depth": asked})


@pytest.mark.parametrize("body", [golden_bytes("trades_synthetic"), answer(data("trades_synthetic")["items"])])
async def test_trades_as_a_page_or_a_bare_array(body: bytes) -> None:
    async with rig(response(body)) as r:
        (trade,) = await r.venue.market_data.trades(SOL, 5000, r.throttle)
        assert trade.trade_id == "trd_0000000000000042"
        (seen,) = r.server.requests
        assert (seen.path, seen.query) == ("/v1/market/trades/SOL-PERP", {"limit": "100"})


async def test_data_of_another_market_is_no_answer() -> None:
    eth = replace(SOL, venue_symbol=VenueSymbol("ETH-PERP"))
    bodies = [golden_bytes(f"{name}_synthetic") for name in ("ticker", "orderbook", "trades")]
    async with rig(answering(*map(response, bodies))) as r:
        market_data = r.venue.market_data
        for read in (
            market_data.ticker(eth, r.throttle),
            market_data.order_book(eth, 5, r.throttle),
            market_data.trades(eth, 5, r.throttle),
        ):
            with pytest.raises(errors.VenueProtocolError):
                await read


async def test_balances_and_positions_need_a_token_only() -> None:
    script = answering(response(golden_bytes("balance_synthetic")), response(golden_bytes("positions_synthetic")))
    async with rig(script) as r:
        assert r.account.data is not None
        assert [balance.asset for balance in await r.account.data.balances(r.throttle)] == ["USDC"]
        assert [position.symbol for position in await r.account.data.positions(r.throttle)] == ["SOL-USDC-PERP"]
        assert [seen.path for seen in r.server.requests] == ["/v1/account/balance", "/v1/position/list"]
        for seen in r.server.requests:
            assert seen.headers["authorization"] == "Bearer token-0"
            assert not {name for name in seen.headers if name.startswith("x-")}


async def test_an_order_is_found_by_our_id_in_whatever_state() -> None:
    filled = data("order_post_only_synthetic", status="filled")
    async with rig(answering(response(page(filled)), response(page()))) as r:
        assert (await r.order()).status is OrderStatus.FILLED
        (seen,) = r.server.requests
        assert (seen.path, seen.query) == ("/v1/order/list", {"symbol": "SOL-PERP", "client_order_id": CID})
        with pytest.raises(errors.OrderNotFound):
            await r.order()


async def test_a_list_that_ignored_what_was_asked_is_no_answer() -> None:
    """Its first page proves nothing of the order that was asked for."""
    async with rig(response(page(data("order_synthetic")))) as r:
        with pytest.raises(errors.VenueProtocolError):
            await r.order()


async def test_open_orders_leave_out_whatever_is_not_open_or_not_asked_for() -> None:
    post_only, partly = data("orders_synthetic")["items"]
    others = [{**partly, "order_id": "x", "status": "filled"}, {**partly, "order_id": "y", "symbol": "ETH-PERP"}]
    async with rig(response(page(post_only, partly, *others, post_only))) as r:
        orders = await r.trading.open_orders(SOL, r.throttle)
        assert [order.venue_order_id for order in orders] == ["ord_0000000000000002", "ord_0000000000000001"]
        assert len(await r.trading.open_orders(None, r.throttle)) == 3
        queries = [seen.query for seen in r.server.requests]
        assert queries[0] == {"status": "partial_filled,pending", "symbol": "SOL-PERP", "page": "1", "limit": "100"}
        assert "symbol" not in queries[1]


async def test_a_list_that_shrinks_while_it_is_paged_is_read_again() -> None:
    one, two = data("orders_synthetic")["items"]
    script = answering(
        response(page(one, total=2, has_next=True)),
        response(page(total=1)),
        response(page(two, total=1)),
    )
    async with rig(script) as r:
        orders = await r.trading.open_orders(SOL, r.throttle)
        assert [order.venue_order_id for order in orders] == ["ord_0000000000000001"]
        assert [seen.query["page"] for seen in r.server.requests] == ["1", "2", "1"]


async def test_a_list_that_keeps_shrinking_is_no_answer() -> None:
    one = data("order_synthetic")
    shrinking = [response(page(one, total=2, has_next=True)), response(page(total=1))]
    async with rig(answering(*shrinking * 3)) as r:
        with pytest.raises(errors.NoAnswer):
            await r.trading.open_orders(SOL, r.throttle)
        assert len(r.server.requests) == 6


def numbered(count: int, **more: Any) -> list[dict[str, Any]]:
    """Orders of the last `count` seconds, newest first."""
    return [data("order_synthetic", order_id=str(n), created_at=NOW_MS - n * 1000, **more) for n in range(count)]


def paged(rows: list[dict[str, Any]], size: int) -> Script:
    """A server that gives at most `size` rows a page, whatever it is asked for."""

    async def script(state: Loopback, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (seen := await state.read_request(reader)) is not None:
            start = (int(seen.query["page"]) - 1) * size
            items = rows[start : start + size]
            writer.write(response(page(*items, total=len(rows), has_next=start + size < len(rows))))

    return script


async def test_history_is_paged_to_its_end() -> None:
    async with rig(paged(numbered(5), 2)) as r:
        orders = await r.trading.order_history(SOL, NOW_MS - 60_000, r.throttle)
        assert [order.venue_order_id for order in orders] == ["0", "1", "2", "3", "4"]
        assert [seen.query["page"] for seen in r.server.requests] == ["1", "2", "3"]
        first = r.server.requests[0].query
        assert (first["symbol"], first["start_time"]) == ("SOL-PERP", str(NOW_MS - 60_000))


async def test_history_that_ignores_its_filters_is_read_until_it_is_old_enough() -> None:
    rows = numbered(10)
    rows[1] = {**rows[1], "symbol": "ETH-PERP"}
    async with rig(paged(rows, 3)) as r:
        orders = await r.trading.order_history(SOL, NOW_MS - 4000, r.throttle)
        assert [order.venue_order_id for order in orders] == ["0", "2", "3", "4"]
        assert len(r.server.requests) == 2


async def test_history_that_grows_while_it_is_paged_repeats_nothing() -> None:
    rows = numbered(3)
    async with rig(paged([rows[0], rows[1], rows[1], rows[2]], 2)) as r:
        orders = await r.trading.order_history(SOL, 0, r.throttle)
        assert [order.venue_order_id for order in orders] == ["0", "1", "2"]


async def test_fills_are_paged_to_the_end_and_come_oldest_first() -> None:
    (fill,) = data("fills_synthetic")["items"]
    rows = [{**fill, "trade_id": str(n), "timestamp": NOW_MS - n} for n in range(5)]
    rows.insert(2, {**fill, "trade_id": "x", "symbol": "ETH-PERP", "timestamp": NOW_MS - 1})
    async with rig(paged(rows, 2)) as r:
        fills = await r.trading.fills(SOL, NOW_MS - 3, r.throttle)
        assert [fill.trade_id for fill in fills] == ["3", "2", "1", "0"]
        assert r.server.requests[0].path == "/v1/trade/history"
        assert r.throttle.calls == ["fills"] * 3


async def test_a_list_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    from adapters.zanbara import rest

    monkeypatch.setattr(rest, "_PAGES_MAX", 3)
    async with rig(response(page(data("order_synthetic"), total=1, has_next=True))) as r:
        with pytest.raises(errors.VenueProtocolError):
            await r.trading.order_history(SOL, 0, r.throttle)
        assert len(r.server.requests) == 3


@pytest.mark.parametrize(
    ("reply", "status", "requests"),
    [
        (BAD_GATEWAY, 502, 3),
        (error("INTERNAL_ERROR", "500 Oops"), 500, 3),
        (response(b"<html>Just a moment</html>"), 200, 1),
        (response(b'{"success":false,"error":{"code":"X","message":""}}'), 200, 1),
        (response(b'{"success":true}'), 200, 1),
        (response(b'{"data":{"bids":[],"asks":[]}}'), 200, 1),
        (response(answer({"bids": [], "asks": []})), 200, 1),
        (response(b"", "204 No Content"), 204, 1),
        (response(b"", "302 Found", "location: /x\r\n"), 302, 1),
        (response(b"<html>", "403 Forbidden"), 403, 1),
    ],
)
async def test_a_read_that_cannot_be_read(reply: bytes, status: int, requests: int) -> None:
    async with rig(reply) as r:
        with pytest.raises(errors.VenueProtocolError) as caught:
            await r.venue.market_data.order_book(SOL, 5, r.throttle)
        assert caught.value.http_status == status
        assert len(r.server.requests) == requests
        assert r.throttle.events == ["granted", "started", "answered"] * requests


async def test_a_read_is_repeated_with_a_new_grant_until_it_works() -> None:
    async with rig(answering(BAD_GATEWAY, BAD_GATEWAY, response(golden_bytes("orderbook_synthetic")))) as r:
        await r.venue.market_data.order_book(SOL, 5, r.throttle)
        assert r.throttle.calls == ["order_book"] * 3


async def _silent(state: Loopback, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await state.read_request(reader) is not None:
        pass


async def test_a_read_without_answer_ends_with_the_read_timeout() -> None:
    async with rig(_silent, read_timeout_s=0.1) as r:
        with pytest.raises(errors.NoAnswer):
            await r.venue.market_data.order_book(SOL, 5, r.throttle)
        assert len(r.server.requests) == 1


async def test_maintenance_closes_the_venue_for_reads() -> None:
    async with rig(error("SERVICE_UNAVAILABLE", "503 Service Unavailable")) as r:
        with pytest.raises(errors.VenueClosed):
            await r.order()
        assert len(r.server.requests) == 1


@pytest.mark.parametrize(
    ("reply", "wait_s"),
    [
        (
            response(golden_bytes("error_rate_limit"), "429 Too Many", "retry-after: 9\r\nx-ratelimit-reset: 1\r\n"),
            45.0,
        ),
        (error("RATE_LIMIT_EXCEEDED", "429 Too Many", "retry-after: 9\r\nx-ratelimit-reset: 1\r\n"), 9.0),
        (error("RATE_LIMIT_EXCEEDED", "429 Too Many", f"x-ratelimit-reset: {NOW_MS // 1000 + 30}\r\n"), 30.0),
        (error("RATE_LIMIT_EXCEEDED", "429 Too Many", "x-ratelimit-reset: 1\r\n"), 0.0),
        (error("RATE_LIMIT_EXCEEDED", "429 Too Many", "x-ratelimit-reset: nan\r\n"), None),
        (error("RATE_LIMIT_EXCEEDED", "429 Too Many", "retry-after: soon\r\n"), None),
        (error("RATE_LIMIT_EXCEEDED", "429 Too Many", retry_after=1e9), 3600.0),
        (response(b"<html>", "429 Too Many", "retry-after: -1\r\n"), 0.0),
    ],
)
async def test_too_many_requests_says_how_long_to_wait(reply: bytes, wait_s: float | None) -> None:
    async with rig(reply) as r:
        with pytest.raises(errors.RateLimited) as caught:
            await r.venue.market_data.order_book(SOL, 5, r.throttle)
        assert caught.value.retry_after_s == wait_s
        assert r.throttle.events == ["granted", "started", "answered", f"refused {wait_s}"]


# --- tokens


async def test_logging_in() -> None:
    async with rig(answering(response(golden_bytes("token_synthetic")), response(page())), MemoryTokens()) as r:
        assert list(await r.trading.open_orders(None, r.throttle)) == []
        login, read = r.server.requests
        assert (login.method, login.path) == ("POST", "/v1/auth/token")
        assert json.loads(login.body) == {"api_key": API_KEY, "api_secret": API_SECRET}
        assert "authorization" not in login.headers
        token = json.loads(golden_bytes("token_synthetic"))["data"]["token"]
        assert read.headers["authorization"] == f"Bearer {token}"
        # The grant of the call itself is asked for only once there is a token.
        assert r.throttle.calls == ["log_in", "open_orders"]


async def test_a_token_can_be_fetched_ahead_of_its_expiry() -> None:
    async with rig(response(golden_bytes("token_synthetic"))) as r:
        assert r.account.log_in is not None
        token = await r.account.log_in(r.throttle)
        assert (token.expires_us, token.lifetime_us) == ((NOW_MS + 3_600_000) * 1000, 3_600_000_000)
        assert token.value not in repr(token)


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (error("INVALID_API_KEY", "401 Unauthorized"), errors.Unauthorized),
        (error("RATE_LIMIT_EXCEEDED", "429 Too Many", retry_after=4), errors.RateLimited),
        (response(answer({"token": 5})), errors.VenueProtocolError),
        (BAD_GATEWAY, errors.VenueProtocolError),
    ],
)
async def test_a_login_that_fails_is_tried_once_and_an_order_is_then_never_sent(
    reply: bytes, expected: type[errors.VenueError]
) -> None:
    async with rig(reply, MemoryTokens()) as r:
        with pytest.raises(expected) as caught:
            await r.order()
        assert API_SECRET not in repr(caught.value)
        with pytest.raises(errors.NeverSent):
            await r.place()
        with pytest.raises(errors.NeverSent):
            await r.cancel()
        assert r.throttle.calls == ["log_in"] * 3
        assert {seen.path for seen in r.server.requests} == {"/v1/auth/token"}


async def test_a_read_whose_token_is_refused_goes_once_more_with_another() -> None:
    async with rig(answering(TOKEN_REFUSED, response(page()))) as r:
        with pytest.raises(errors.OrderNotFound):
            await r.order()
        assert [seen.headers["authorization"] for seen in r.server.requests] == ["Bearer token-0", "Bearer token-1"]
        assert r.tokens.refusals == ["token-0"]
        assert r.throttle.calls == ["order", "order"]


async def test_a_read_whose_second_token_is_refused_too_is_unauthorized() -> None:
    async with rig(TOKEN_REFUSED) as r:
        with pytest.raises(errors.Unauthorized):
            await r.order()
        assert len(r.server.requests) == 2


async def test_another_kind_of_refusal_does_not_cost_the_token() -> None:
    async with rig(error("INVALID_API_KEY", "401 Unauthorized")) as r:
        for call in (r.order, r.place, r.cancel):
            with pytest.raises(errors.Unauthorized):
                await call()
        assert r.tokens.refusals == []
        assert len(r.server.requests) == 3


async def test_an_order_whose_token_is_refused_goes_once_more_as_the_same_bytes() -> None:
    async with rig(answering(TOKEN_REFUSED, PLACED)) as r:
        assert (await r.place()).status is OrderStatus.PENDING
        first, second = r.server.requests
        assert first.body == second.body
        assert {name for name in first.headers if first.headers[name] != second.headers[name]} == {"authorization"}
        check_signature(second, timestamp_ms=SENT_MS, bearer="token-1")
        assert r.throttle.events == ["granted", "started", "answered"] * 2


async def test_a_token_renewed_while_waiting_for_the_grant_is_the_one_that_goes() -> None:
    class LongQueue(RecordingThrottle):
        def grant(self, call: Call) -> Any:
            r.tokens.refusals.append("outlasted")
            return RecordingThrottle.grant(self, call)

    async with rig(answering(PLACED, response(page()))) as r:
        r.throttle = LongQueue()
        await r.place()
        with pytest.raises(errors.OrderNotFound):
            await r.order()
        assert [seen.headers["authorization"] for seen in r.server.requests] == ["Bearer token-1", "Bearer token-2"]


async def test_an_order_goes_never_a_third_time() -> None:
    async with rig(TOKEN_REFUSED) as r:
        for call in (r.place, r.cancel):
            with pytest.raises(errors.Unauthorized):
                await call()
        assert len(r.server.requests) == 4


@pytest.mark.parametrize("body", [b"<html>", b'{"code":"AUTHENTICATION_FAILED"}', b""])
async def test_a_401_that_is_not_the_venues_own_proves_nothing(body: bytes) -> None:
    async with rig(response(body, "401 Unauthorized")) as r:
        with pytest.raises(errors.OutcomeUnknown):
            await r.place()
        assert len(r.server.requests) == 1


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        (error("INSUFFICIENT_BALANCE"), errors.InsufficientBalance),
        (error("INTERNAL_ERROR", "500 Oops"), errors.OutcomeUnknown),
        (BAD_GATEWAY, errors.OutcomeUnknown),
        (response(b"{}"), errors.VenueProtocolError),
    ],
)
async def test_what_the_second_answer_means_is_all_that_counts(second: bytes, expected: type[Exception]) -> None:
    async with rig(answering(TOKEN_REFUSED, second)) as r:
        with pytest.raises(expected):
            await r.place()
        assert len(r.server.requests) == 2


class OnlyOnce(RecordingThrottle):
    """Has leave for one call; whoever asks again is refused in words of the throttle's own."""

    class Refused(Exception):
        pass

    def grant(self, call: Call) -> Any:
        if self.calls:
            raise self.Refused
        return RecordingThrottle.grant(self, call)


async def test_an_order_that_could_not_go_again_was_refused_the_first_time() -> None:
    async with rig(TOKEN_REFUSED) as r:
        r.throttle = OnlyOnce()
        with pytest.raises(errors.Unauthorized) as caught:
            await r.place()
        assert isinstance(caught.value.__cause__, OnlyOnce.Refused)
        assert len(r.server.requests) == 1


async def test_an_order_does_not_go_again_after_its_window() -> None:
    class Slow(Tokens):
        async def refused(self, token: str) -> None:
            r.clock.now_ms = SENT_MS + 5001

    async with rig(TOKEN_REFUSED, Slow()) as r:
        with pytest.raises(errors.Unauthorized):
            await r.place()
        assert len(r.server.requests) == 1


# --- writes


async def test_an_order_is_sent_as_encoded_and_signed_for_the_time_that_was_fixed() -> None:
    async with rig(PLACED) as r:
        order = await r.place()
        assert (order.status, order.venue_order_id) == (OrderStatus.PENDING, "ord_0000000000000002")
        (seen,) = r.server.requests
        assert (seen.method, seen.path) == ("POST", "/v1/order/place")
        assert seen.body == r.trading.encode(SELL_POST_ONLY)
        assert seen.headers["content-type"] == "application/json"
        check_signature(seen, timestamp_ms=SENT_MS)
        assert (r.throttle.calls, r.throttle.events) == (["place"], ["granted", "started", "answered"])


async def test_an_order_that_was_there_before_is_answered_as_it_is_now() -> None:
    filled = answered("order_post_only_synthetic", status="filled", filled_quantity="0.20000000")
    async with rig(response(filled, "200 OK")) as r:
        assert (await r.place()).status is OrderStatus.FILLED


@pytest.mark.parametrize("status", ["200 OK", CREATED])
async def test_an_order_with_other_terms_than_asked_for_is_a_protocol_error(status: str) -> None:
    async with rig(response(answered("order_post_only_synthetic", price="151.51000000"), status)) as r:
        with pytest.raises(errors.VenueProtocolError, match="price"):
            await r.place()


async def test_a_post_only_order_that_would_match_would_take() -> None:
    async with rig(response(golden_bytes("order_would_match_synthetic"), CREATED)) as r:
        with pytest.raises(errors.WouldTake, match="ord_0000000000000002") as caught:
            await r.place()
        assert (caught.value.venue_code, caught.value.http_status) == ("POST_ONLY_WOULD_MATCH", 201)


async def test_an_order_rejected_for_another_reason_is_an_order() -> None:
    async with rig(response(answered("order_would_match_synthetic", reason="SELF_TRADE"), CREATED)) as r:
        order = await r.place()
        assert (order.status, order.reason) == (OrderStatus.REJECTED, "SELF_TRADE")


async def test_a_cancel_names_the_order_by_our_id_and_is_signed() -> None:
    async with rig(response(answered("order_post_only_synthetic", status="cancelled", reason="USER_CANCELLED"))) as r:
        assert (await r.cancel()).status is OrderStatus.CANCELLED
        (seen,) = r.server.requests
        assert (seen.method, seen.path) == ("POST", "/v1/order/cancel")
        assert json.loads(seen.body) == {"client_order_id": CID}
        check_signature(seen, timestamp_ms=NOW_MS)


@pytest.mark.parametrize("reply", [error("ORDER_NOT_FOUND", "404 Not Found"), error("ORDER_NOT_CANCELLABLE")])
async def test_cancelling_what_does_not_rest_is_not_found(reply: bytes) -> None:
    async with rig(reply) as r:
        with pytest.raises(errors.OrderNotFound):
            await r.cancel()
        with pytest.raises(errors.OutcomeUnknown):
            await r.place()


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (response(golden_bytes("error_insufficient_balance"), "400 Bad Request"), errors.InsufficientBalance),
        (error("INVALID_PRECISION"), errors.InvalidRequest),
        (error("INVALID_SIGNATURE", "401 Unauthorized"), errors.Unauthorized),
        (error("PERMISSION_DENIED", "403 Forbidden"), errors.Unauthorized),
        (error("TOO_MANY_OPEN_ORDERS"), errors.DefiniteNo),
        (error("RATE_LIMIT_EXCEEDED", "429 Too Many"), errors.RateLimited),
    ],
)
async def test_a_refusal_on_the_list_is_definite(reply: bytes, expected: type[Exception]) -> None:
    async with rig(reply) as r:
        for call in (r.place, r.cancel):
            with pytest.raises(expected):
                await call()
        assert len(r.server.requests) == 2


async def test_a_signature_that_is_refused_puts_our_time_in_doubt() -> None:
    for reply, doubts in ((error("INVALID_SIGNATURE", "401 Unauthorized"), 1), (error("INVALID_PRECISION"), 0)):
        async with rig(reply) as r:
            with pytest.raises(errors.DefiniteNo):
                await r.place()
            assert r.clock.doubts == doubts


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        (error("INVALID_PARAMETER", "408 Timeout"), 408),
        (error("SERVICE_UNAVAILABLE", "503 Unavailable"), 503),
        (error("TRADING_HALTED", "503 Unavailable"), 503),
        (error("INSUFFICIENT_BALANCE", "500 Oops"), 500),
        (error("CODE_OF_TOMORROW"), 400),
        (response(b"<html>blocked</html>", "403 Forbidden"), 403),
        (response(b"slow down", "429 Too Many"), 429),
        (response(b"", "302 Found", "location: /x\r\n"), 302),
    ],
)
async def test_anything_else_leaves_the_outcome_unknown_and_is_not_repeated(reply: bytes, status: int) -> None:
    async with rig(reply) as r:
        for call in (r.place, r.cancel):
            with pytest.raises(errors.OutcomeUnknown) as caught:
                await call()
            assert caught.value.http_status == status
        assert len(r.server.requests) == 2
        assert ("refused None" in r.throttle.events) == (status == 429)


@pytest.mark.parametrize(
    "body",
    [
        answered("order_post_only_synthetic", client_order_id="other"),
        answered("order_post_only_synthetic", status="paused"),
        golden_bytes("error_insufficient_balance"),
        json.dumps(data("order_post_only_synthetic")).encode(),
        b"",
        b"[]",
        b"<html>",
        b'{"success":true}',
        b'{"success":' * 10_000,
        answered("order_post_only_synthetic")[:-20],
    ],
)
async def test_a_2xx_that_is_not_the_order_is_a_protocol_error(body: bytes) -> None:
    for status in ("200 OK", CREATED, "202 Accepted"):
        async with rig(response(body, status)) as r:
            for call in (r.place, r.cancel):
                with pytest.raises(errors.VenueProtocolError):
                    await call()


async def _hang_up(state: Loopback, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await state.read_request(reader)


@pytest.mark.parametrize("script", [_silent, _hang_up])
async def test_a_write_without_answer_is_unknown_and_sent_once(script: Script) -> None:
    async with rig(script, order_timeout_s=0.2) as r:
        for call in (r.place, r.cancel):
            with pytest.raises(errors.OutcomeUnknown):
                await call()
        assert len(r.server.requests) == 2
        assert r.throttle.events == ["granted", "started"] * 2


async def test_nothing_is_sent_where_nobody_listens() -> None:
    transport, throttle = HttpTransport(), RecordingThrottle()
    settings = VenueSettings(VENUE, Endpoints("http://127.0.0.1:1", "ws://127.0.0.1:1"))
    venue = FACTORIES["zanbara"](settings, transport=transport, clock=FixedClock(NOW_MS))
    account = venue.open_account(AccountName("main"), CREDENTIALS, transport, Tokens())
    assert account.trading is not None
    body = account.trading.encode(SELL_POST_ONLY)
    with pytest.raises(errors.NeverSent):
        await account.trading.place(SELL_POST_ONLY, body, throttle=throttle, begin_send=begin_send)
    assert throttle.events == ["granted"]
    with pytest.raises(errors.NeverSent):
        await account.trading.order(SOL, CID, throttle)
    assert throttle.calls == ["place", "order", "order", "order"]
    await transport.aclose()


async def test_a_grant_that_grew_too_old_sends_nothing() -> None:
    async with rig(PLACED) as r:
        r.throttle.refuse_start = errors.GrantExpired(VENUE, "too old")
        with pytest.raises(errors.GrantExpired):
            await r.place()
        assert r.server.requests == []


async def test_what_begin_send_raises_is_passed_on_and_nothing_is_sent() -> None:
    class Halted(Exception):
        pass

    async def halted() -> SendTime:
        raise Halted

    async with rig(PLACED) as r:
        body = r.trading.encode(SELL_POST_ONLY)
        with pytest.raises(Halted):
            await r.trading.place(SELL_POST_ONLY, body, throttle=r.throttle, begin_send=halted)
        assert r.server.connections == 0


async def test_a_circuit_that_opened_sends_nothing_and_asks_for_no_grant() -> None:
    async with rig(response(b"", "500 Oops")) as r:
        for _ in range(8):
            with pytest.raises(errors.OutcomeUnknown):
                await r.place()
        with pytest.raises(errors.NeverSent, match="circuit"):
            await r.place()
        assert r.throttle.calls == ["place"] * 8
        with pytest.raises(errors.OutcomeUnknown):  # cancels have a circuit of their own
            await r.cancel()


async def test_logins_that_fail_do_not_open_the_circuit_of_cancels() -> None:
    async with rig(answering(*[BAD_GATEWAY] * 8, response(golden_bytes("token_synthetic")))) as r:
        assert r.account.log_in is not None
        for _ in range(8):
            with pytest.raises(errors.VenueProtocolError):
                await r.account.log_in(r.throttle)
        with pytest.raises(errors.NeverSent, match="circuit"):
            await r.account.log_in(r.throttle)
        with pytest.raises(errors.VenueProtocolError):  # it is sent, and answered with something else
            await r.cancel()


async def test_a_cancelled_placement_closes_its_connection() -> None:
    async with rig(_silent) as r:
        task = asyncio.create_task(r.place())
        await r.server.until(lambda: len(r.server.requests) == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await r.server.until(lambda: r.server.connections == 0)


SomeCall = Callable[[], Awaitable[Any]]


async def test_no_error_carries_what_was_secret() -> None:
    async with rig(error("INVALID_SIGNATURE", "401 Unauthorized")) as r:
        calls: list[SomeCall] = [r.place, r.cancel, r.order]
        for call in calls:
            with pytest.raises(errors.Unauthorized) as caught:
                await call()
            shown = repr(caught.value)
            assert API_SECRET not in shown
            assert "token-0" not in shown
            assert r.server.requests[-1].headers.get("x-api-signature", "none") not in shown


async def test_an_order_the_venue_cannot_take_is_refused_before_anything_is_spent() -> None:
    async with rig(b"") as r:
        with pytest.raises(errors.NotSupported):
            r.trading.encode(replace(SELL_POST_ONLY, type=OrderType.TRAILING_STOP))
        with pytest.raises(errors.NotSupported):
            r.trading.encode(replace(SELL_POST_ONLY, venue_client_id=VenueClientId("")))


@pytest.mark.parametrize(
    ("environment", "host"),
    [("production", "https://api.zanbarax.com"), ("testnet", "https://testnet-api.zanbarax.com")],
)
async def test_each_environment_has_its_addresses_and_rules(environment: str, host: str) -> None:
    from adapters.zanbara import ENVIRONMENTS

    settings = VenueSettings(VENUE, environment=environment)
    venue = FACTORIES["zanbara"](settings, transport=HttpTransport(), clock=FixedClock())
    assert ENVIRONMENTS[environment].rest_url == host
    assert bool(venue.limits.rules) is (environment == "production")


async def test_an_environment_that_is_none_is_named() -> None:
    with pytest.raises(ValueError, match="staging"):
        FACTORIES["zanbara"](VenueSettings(VENUE, environment="staging"), transport=HttpTransport(), clock=FixedClock())
