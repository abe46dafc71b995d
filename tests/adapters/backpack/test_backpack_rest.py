"""Every call against a scripted server on a real socket: what is sent, and what each answer comes to."""

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from nacl.signing import VerifyKey

from adapters import errors
from adapters.backpack.signing import signing_text
from adapters.common.transport import HttpTransport
from adapters.contract import Endpoints, SendTime, Trading, Venue, VenueAccount, VenueSettings
from adapters.models import AccountName, OrderStatus, VenueClientId
from adapters.registry import FACTORIES
from tests.adapters.backpack.samples import (
    NOW_MS,
    PERP,
    PUBLIC,
    SEED,
    SELL_POST_ONLY,
    SPOT,
    VENUE,
    begin_send,
    golden,
    golden_bytes,
)
from tests.adapters.doubles import FixedClock, RecordingThrottle
from tests.adapters.loopback import Loopback, Script, Seen, answering, loopback, response
from tests.adapters.memory_tokens import MemoryTokens

D = Decimal
CID = VenueClientId("424242")


@dataclass(slots=True)
class Rig:
    server: Loopback
    throttle: RecordingThrottle
    venue: Venue
    account: VenueAccount
    clock: FixedClock

    @property
    def trading(self) -> Trading:
        assert self.account.trading is not None
        return self.account.trading

    async def place(self) -> Any:
        body = self.trading.encode(SELL_POST_ONLY)
        return await self.trading.place(SELL_POST_ONLY, body, throttle=self.throttle, begin_send=begin_send)

    async def cancel(self) -> Any:
        return await self.trading.cancel(SPOT, CID, self.throttle)

    async def order(self) -> Any:
        return await self.trading.order(SPOT, CID, self.throttle)


@contextlib.asynccontextmanager
async def rig(script: Script | bytes, **settings: Any) -> AsyncIterator[Rig]:
    transport = HttpTransport()
    async with loopback(answering(script) if isinstance(script, bytes) else script) as server:
        endpoints = Endpoints(server.url, "ws://127.0.0.1:1")
        clock = FixedClock()
        venue = FACTORIES["backpack"](VenueSettings(VENUE, endpoints, **settings), transport=transport, clock=clock)
        credentials = {"api_key": PUBLIC, "api_secret": SEED}
        account = venue.open_account(AccountName("main"), credentials, transport, MemoryTokens())
        yield Rig(server, RecordingThrottle(), venue, account, clock)
        await transport.aclose()


def error(code: str, message: str = "", status: str = "400 Bad Request", headers: str = "") -> bytes:
    return response(json.dumps({"code": code, "message": message}).encode(), status, headers)


def check_signature(seen: Seen, instruction: str, *, timestamp_ms: int = NOW_MS, window_ms: int = 5000) -> None:
    params = json.loads(seen.body) if seen.body else seen.query
    text = signing_text(instruction, params, timestamp_ms=timestamp_ms, window_ms=window_ms)
    assert (seen.headers["x-timestamp"], seen.headers["x-window"]) == (str(timestamp_ms), str(window_ms))
    assert seen.headers["x-api-key"] == PUBLIC
    VerifyKey(base64.b64decode(PUBLIC)).verify(text.encode(), base64.b64decode(seen.headers["x-signature"]))


# --- reads


async def test_server_time() -> None:
    async with rig(response(b"1788285151083", headers="content-type: text/plain\r\n")) as r:
        assert await r.venue.market_data.server_time_ms(r.throttle) == 1_788_285_151_083
        (seen,) = r.server.requests
        assert (seen.method, seen.path, seen.query) == ("GET", "/api/v1/time", {})
        assert not {name for name in seen.headers if name.startswith("x-")}
        assert (r.throttle.calls, r.throttle.events) == (["server_time"], ["granted", "started", "answered"])


async def test_markets_of_other_kinds_are_left_out() -> None:
    listing = golden("markets_synthetic")
    listing[2]["filters"] = "something new"
    async with rig(response(json.dumps(listing).encode())) as r:
        markets = await r.venue.market_data.markets(r.throttle)
        assert [market.symbol for market in markets] == ["SOL-USDC-PERP", "SOL-USDC"]


async def test_ticker_and_a_market_that_has_none() -> None:
    async with rig(response(golden_bytes("ticker"))) as r:
        assert (await r.venue.market_data.ticker(SPOT, r.throttle)).last_price == D("98.98")
        assert r.server.requests[0].query == {"symbol": "SOL_USDC"}
    async with rig(b"HTTP/1.1 204 No Content\r\n\r\n") as r:
        with pytest.raises(errors.DefiniteNo):
            await r.venue.market_data.ticker(SPOT, r.throttle)


@pytest.mark.parametrize(("depth", "limit"), [(1, "5"), (5, "5"), (7, "10"), (1000, "1000"), (4000, "1000")])
async def test_the_next_larger_book_is_asked_for(depth: int, limit: str) -> None:
    async with rig(response(golden_bytes("depth"))) as r:
        book = await r.venue.market_data.order_book(SPOT, depth, r.throttle)
        assert book.bids[0].price == D("98.97")
        assert r.server.requests[0].query == {"symbol": "SOL_USDC", "limit": limit}


async def test_trades() -> None:
    async with rig(response(golden_bytes("trades"))) as r:
        (trade,) = await r.venue.market_data.trades(SPOT, 5000, r.throttle)
        assert trade.trade_id == "12345"
        assert r.server.requests[0].query == {"symbol": "SOL_USDC", "limit": "1000"}


async def test_balances_and_positions_are_signed_reads() -> None:
    script = answering(response(golden_bytes("capital")), response(golden_bytes("positions")))
    async with rig(script) as r:
        assert r.account.data is not None
        assert [balance.asset for balance in await r.account.data.balances(r.throttle)] == ["SOL", "USDC"]
        assert [position.symbol for position in await r.account.data.positions(r.throttle)] == ["SOL-USDC-PERP"]
        check_signature(r.server.requests[0], "balanceQuery")
        check_signature(r.server.requests[1], "positionQuery")


async def test_order_and_open_orders() -> None:
    order = golden_bytes("order_limit")
    async with rig(answering(response(order), response(b"[%s]" % order))) as r:
        assert (await r.order()).status is OrderStatus.PENDING
        assert len(await r.trading.open_orders(None, r.throttle)) == 1
        assert len(await r.trading.open_orders(SPOT, r.throttle)) == 1
        check_signature(r.server.requests[0], "orderQuery")
        check_signature(r.server.requests[1], "orderQueryAll")
        queries = [seen.query for seen in r.server.requests]
        assert queries == [{"clientId": "424242", "symbol": "SOL_USDC"}, {}, {"symbol": "SOL_USDC"}]


async def test_an_order_that_does_not_rest_is_not_found() -> None:
    async with rig(error("RESOURCE_NOT_FOUND", "Not Found", "404 Not Found")) as r:
        with pytest.raises(errors.OrderNotFound):
            await r.order()
        with pytest.raises(errors.OrderNotFound):
            await r.cancel()


async def test_another_order_than_was_asked_for_is_no_answer() -> None:
    async with rig(response(json.dumps(golden("order_limit", clientId=1)).encode())) as r:
        with pytest.raises(errors.VenueProtocolError):
            await r.order()
        with pytest.raises(errors.VenueProtocolError):
            await r.cancel()


def paged(rows: list[dict[str, Any]], page: int, *, with_total: bool) -> Script:
    """A server that gives at most `page` rows, whatever it is asked for."""

    async def script(state: Loopback, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (seen := await state.read_request(reader)) is not None:
            offset = int(seen.query["offset"])
            body = json.dumps(rows[offset : offset + page]).encode()
            total = f"X-Total: {len(rows)}\r\n" if with_total else ""
            writer.write(response(body, headers=total))

    return script


async def test_history_is_paged_until_it_is_older_than_asked_for() -> None:
    rows = [golden("order_history_row", id=str(100 - n), createdAt=f"2026-09-01T17:54:{59 - n:02}") for n in range(10)]
    async with rig(paged(rows, 3, with_total=True)) as r:
        since_ms = 1_788_285_240_000 + 54_000
        orders = await r.trading.order_history(SPOT, since_ms, r.throttle)
        assert [order.venue_order_id for order in orders] == ["100", "99", "98", "97", "96", "95"]
        assert [seen.query["offset"] for seen in r.server.requests] == ["0", "3", "6"]
        check_signature(r.server.requests[1], "orderHistoryQueryAll")


async def test_history_that_moves_while_it_is_paged_repeats_nothing() -> None:
    rows = [golden("order_history_row", id=str(n)) for n in (5, 4, 4, 3)]
    async with rig(paged(rows, 2, with_total=True)) as r:
        assert [order.venue_order_id for order in await r.trading.order_history(SPOT, 0, r.throttle)] == ["5", "4", "3"]


@pytest.mark.parametrize(("page", "with_total", "requests"), [(2, True, 3), (1000, True, 1), (1000, False, 1)])
async def test_fills_are_paged_to_the_end(page: int, with_total: bool, requests: int) -> None:
    rows = [golden("fill", tradeId=n) for n in range(5)]
    async with rig(paged(rows, page, with_total=with_total)) as r:
        fills = await r.trading.fills(PERP, 1_788_000_000_000, r.throttle)
        assert [fill.trade_id for fill in fills] == ["0", "1", "2", "3", "4"]
        assert len(r.server.requests) == requests == r.throttle.calls.count("fills")
        check_signature(r.server.requests[0], "fillHistoryQueryAll")
        assert r.server.requests[0].query["from"] == "1788000000000"


BAD_GATEWAY = response(b"<html>", "502 Bad Gateway", "content-type: text/html\r\n")


@pytest.mark.parametrize(
    ("answer", "status", "requests"),
    [
        (BAD_GATEWAY, 502, 3),
        (error("SERVER_ERROR", status="500 Oops"), 500, 3),
        (response(b"<html>Just a moment</html>"), 200, 1),
        (response(b'{"asks":[],"bids":[]}'), 200, 1),
        (response(b"", "302 Found", "location: /x\r\n"), 302, 1),
        (response(b"<html>", "403 Forbidden"), 403, 1),
    ],
)
async def test_a_read_that_cannot_be_read(answer: bytes, status: int, requests: int) -> None:
    async with rig(answer) as r:
        with pytest.raises(errors.VenueProtocolError) as caught:
            await r.venue.market_data.order_book(SPOT, 5, r.throttle)
        assert caught.value.http_status == status
        assert len(r.server.requests) == requests
        assert r.throttle.events == ["granted", "started", "answered"] * requests


async def test_a_read_is_repeated_with_a_new_grant_until_it_works() -> None:
    async with rig(answering(BAD_GATEWAY, BAD_GATEWAY, response(golden_bytes("depth")))) as r:
        await r.venue.market_data.order_book(SPOT, 5, r.throttle)
        assert r.throttle.calls == ["order_book"] * 3


async def _silent(state: Loopback, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await state.read_request(reader) is not None:
        pass


async def test_a_read_without_answer_ends_with_the_read_timeout() -> None:
    async with rig(_silent, read_timeout_s=0.1) as r:
        with pytest.raises(errors.NoAnswer):
            await r.venue.market_data.order_book(SPOT, 5, r.throttle)
        assert len(r.server.requests) == 1


async def test_maintenance_closes_the_venue_for_reads() -> None:
    async with rig(error("MAINTENANCE", status="503 Service Unavailable")) as r:
        with pytest.raises(errors.VenueClosed):
            await r.venue.market_data.order_book(SPOT, 5, r.throttle)
        assert len(r.server.requests) == 1


@pytest.mark.parametrize("body", [b'{"code":"TOO_MANY_REQUESTS","message":"x"}', b"<html>"])
async def test_too_many_requests_on_a_read(body: bytes) -> None:
    async with rig(response(body, "429 Too Many", "Retry-After: 3\r\n")) as r:
        with pytest.raises(errors.RateLimited) as caught:
            await r.venue.market_data.order_book(SPOT, 5, r.throttle)
        assert caught.value.retry_after_s == 3.0
        assert r.throttle.events == ["granted", "started", "answered", "refused 3.0"]


async def test_a_ban_is_told_to_the_throttle() -> None:
    async with rig(response(b"<html>", "418 Go away", "Retry-After: 120\r\n")) as r:
        with pytest.raises(errors.VenueProtocolError):
            await r.venue.market_data.order_book(SPOT, 5, r.throttle)
        assert r.throttle.events == ["granted", "started", "answered", "banned 120.0"]


@pytest.mark.parametrize(("header", "wait_s"), [("soon", None), ("-1", 0.0), ("nan", 0.0), ("inf", 3600.0)])
async def test_a_wait_that_is_no_sane_number_is_not_believed(header: str, wait_s: float | None) -> None:
    async with rig(error("TOO_MANY_REQUESTS", status="429 Too Many", headers=f"retry-after: {header}\r\n")) as r:
        with pytest.raises(errors.RateLimited) as caught:
            await r.order()
        assert caught.value.retry_after_s == wait_s


# --- writes


async def test_an_order_is_sent_as_encoded_and_signed_for_the_time_that_was_fixed() -> None:
    async with rig(response(golden_bytes("order_limit"))) as r:
        order = await r.place()
        assert (order.status, order.venue_order_id) == (OrderStatus.PENDING, "59787279606")
        (seen,) = r.server.requests
        assert (seen.method, seen.path) == ("POST", "/api/v1/order")
        assert seen.body == r.trading.encode(SELL_POST_ONLY)
        check_signature(seen, "orderExecute", timestamp_ms=NOW_MS - 100, window_ms=2000)
        assert (r.throttle.calls, r.throttle.events) == (["place"], ["granted", "started", "answered"])


async def test_a_cancel_names_the_order_by_our_id() -> None:
    async with rig(response(json.dumps(golden("order_limit", status="Cancelled")).encode())) as r:
        assert (await r.cancel()).status is OrderStatus.CANCELLED
        (seen,) = r.server.requests
        assert (seen.method, json.loads(seen.body)) == ("DELETE", {"clientId": 424242, "symbol": "SOL_USDC"})
        check_signature(seen, "orderCancel")


async def test_a_cancel_that_is_only_taken_is_none() -> None:
    async with rig(response(b"", "202 Accepted")) as r:
        assert await r.cancel() is None


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (error("INVALID_ORDER", "Order would immediately match and take"), errors.WouldTake),
        (error("INSUFFICIENT_FUNDS"), errors.InsufficientBalance),
        (error("INVALID_CLIENT_REQUEST", "Request has expired"), errors.Unauthorized),
        (error("UNAUTHORIZED", status="401 Unauthorized"), errors.Unauthorized),
        (error("TOO_MANY_REQUESTS", status="429 Too Many"), errors.RateLimited),
    ],
)
async def test_a_refusal_on_the_list_is_definite(answer: bytes, expected: type[Exception]) -> None:
    async with rig(answer) as r:
        with pytest.raises(expected):
            await r.place()
        with pytest.raises(expected):
            await r.cancel()
        assert len(r.server.requests) == 2


@pytest.mark.parametrize(
    ("message", "doubts"),
    [("Request has expired", 1), ("Invalid timestamp: must be within 10 minutes", 1), ("Invalid signature", 0)],
)
async def test_a_time_that_is_refused_is_in_doubt(message: str, doubts: int) -> None:
    async with rig(error("INVALID_CLIENT_REQUEST", message)) as r:
        for call in (r.place, r.order):
            r.clock.doubts = 0
            with pytest.raises(errors.Unauthorized):
                await call()
            assert r.clock.doubts == doubts


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (error("TIMEOUT", status="408 Timeout"), 408),
        (error("MAINTENANCE", status="503 Unavailable"), 503),
        (error("INVALID_ORDER", status="500 Oops"), 500),
        (error("CODE_OF_TOMORROW"), 400),
        (error("BORROW_LIMIT"), 400),
        (response(b"<html>blocked</html>", "403 Forbidden"), 403),
        (response(b"slow down", "429 Too Many"), 429),
        (response(b"", "302 Found", "location: /x\r\n"), 302),
        (response(b"", "204 No Content"), 204),
    ],
)
async def test_anything_else_leaves_the_outcome_unknown_and_is_not_repeated(answer: bytes, status: int) -> None:
    async with rig(answer) as r:
        for call in (r.place, r.cancel):
            with pytest.raises(errors.OutcomeUnknown) as caught:
                await call()
            assert caught.value.http_status == status
        assert len(r.server.requests) == 2
        assert ("refused None" in r.throttle.events) == (status == 429)


@pytest.mark.parametrize(
    "body",
    [
        json.dumps(golden("order_limit", clientId=7)).encode(),
        json.dumps(golden("order_limit", status="Paused")).encode(),
        golden_bytes("error_invalid_signature"),
        b"",
        b"[]",
        b"<html>",
        b'{"id":' * 10_000,
        golden_bytes("order_limit")[:-20],
    ],
)
async def test_a_200_that_is_not_the_order_is_a_protocol_error(body: bytes) -> None:
    async with rig(response(body)) as r:
        for call in (r.place, r.cancel):
            with pytest.raises(errors.VenueProtocolError):
                await call()


async def test_a_202_to_a_placement_does_not_say_that_it_was_placed() -> None:
    async with rig(response(b"", "202 Accepted")) as r:
        with pytest.raises(errors.VenueProtocolError):
            await r.place()


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
    async with rig(b"") as r:
        pass
    r.venue = FACTORIES["backpack"](
        VenueSettings(VENUE, Endpoints("http://127.0.0.1:1", "ws://127.0.0.1:1")),
        transport=(transport := HttpTransport()),
        clock=FixedClock(),
    )
    r.account = r.venue.open_account(
        AccountName("main"), {"api_key": PUBLIC, "api_secret": SEED}, transport, MemoryTokens()
    )
    with pytest.raises(errors.NeverSent):
        await r.place()
    assert r.throttle.events == ["granted"]
    with pytest.raises(errors.NeverSent):
        await r.order()
    assert r.throttle.calls == ["place", "order", "order", "order"]
    await transport.aclose()


async def test_a_grant_that_grew_too_old_sends_nothing() -> None:
    async with rig(response(golden_bytes("order_limit"))) as r:
        r.throttle.refuse_start = errors.GrantExpired(VENUE, "too old")
        with pytest.raises(errors.GrantExpired):
            await r.place()
        assert r.server.requests == []


async def test_what_begin_send_raises_is_passed_on_and_nothing_is_sent() -> None:
    class Halted(Exception):
        pass

    async def halted() -> SendTime:
        raise Halted

    async with rig(response(golden_bytes("order_limit"))) as r:
        body = r.trading.encode(SELL_POST_ONLY)
        with pytest.raises(Halted):
            await r.trading.place(SELL_POST_ONLY, body, throttle=r.throttle, begin_send=halted)
        assert r.server.connections == 0


@pytest.mark.parametrize("body", [b"", b"[1]", b'{"price":{}}', b'{"price":1.5}'])
async def test_a_body_that_cannot_be_signed_is_not_sent(body: bytes) -> None:
    async with rig(response(golden_bytes("order_limit"))) as r:
        with pytest.raises(errors.NeverSent):
            await r.trading.place(SELL_POST_ONLY, body, throttle=r.throttle, begin_send=begin_send)
        assert r.throttle.calls == []


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


async def test_a_cancelled_placement_closes_its_connection() -> None:
    async with rig(_silent) as r:
        task = asyncio.create_task(r.place())
        await r.server.until(lambda: len(r.server.requests) == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await r.server.until(lambda: r.server.connections == 0)


Call = Callable[[], Awaitable[Any]]


async def test_no_error_carries_what_was_secret() -> None:
    async with rig(error("INVALID_CLIENT_REQUEST", "Invalid signature")) as r:
        calls: list[Call] = [r.place, r.cancel, r.order]
        for call in calls:
            with pytest.raises(errors.Unauthorized) as caught:
                await call()
            assert SEED not in repr(caught.value)
            assert r.server.requests[-1].headers["x-signature"] not in str(caught.value)


async def test_an_order_the_venue_cannot_take_is_refused_before_anything_is_spent() -> None:
    from dataclasses import replace

    from adapters.models import OrderType

    async with rig(b"") as r:
        with pytest.raises(errors.NotSupported):
            r.trading.encode(replace(SELL_POST_ONLY, type=OrderType.TRAILING_STOP))
