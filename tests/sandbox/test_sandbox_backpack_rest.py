"""Backpack's REST face: field sets and their order, units, filters, refusals, histories."""

import json
import re
import time
from typing import Any

import httpx

from sandbox.config import SandboxConfig
from tests.sandbox.clients import Venue, venue


def keys(names: str) -> list[str]:
    return names.split()


ORDER_KEYS = keys(
    "clientId createdAt executedQuantity executedQuoteQuantity id orderType postOnly price quantity "
    "reduceOnly relatedOrderId selfTradePrevention side status stopLossLimitPrice stopLossTriggerBy "
    "stopLossTriggerPrice strategyId symbol takeProfitLimitPrice takeProfitTriggerBy "
    "takeProfitTriggerPrice timeInForce triggerBy triggerPrice triggerQuantity triggeredAt"
)
MARKET_ORDER_KEYS = sorted(
    {*ORDER_KEYS, "quoteQuantity", "slippageTolerance", "slippageToleranceType"} - {"postOnly", "price"}
)
HISTORY_ORDER_KEYS = sorted(
    {*ORDER_KEYS, "expiryReason", "systemOrderType", "quoteQuantity", "slippageTolerance", "slippageToleranceType"}
    - {"reduceOnly", "relatedOrderId", "triggeredAt"}
)
FILL_KEYS = keys("clientId fee feeSymbol isMaker orderId price quantity side symbol systemOrderType timestamp tradeId")
MARKET_KEYS = keys(
    "baseSymbol createdAt filters fundingInterval fundingRateLowerBound fundingRateUpperBound "
    "imfFunction marketType mmfFunction openInterestLimit orderBookState positionLimitWeight "
    "quoteSymbol rwaMarketType symbol visible"
)
POSITION_KEYS = keys(
    "breakEvenPrice cumulativeFundingPayment cumulativeInterest entryPrice estLiquidationPrice imf "
    "imfFunction markPrice mmf mmfFunction netCost netExposureNotional netExposureQuantity "
    "netQuantity pnlRealized pnlUnrealized positionId subaccountId symbol userId"
)
ACCOUNT_KEYS = keys(
    "autoBorrowSettlements autoLend autoRealizePnl autoRepayBorrows borrowLimit futuresMakerFee "
    "futuresTakerFee leverageLimit limitOrders liquidating positionLimit spotMakerFee spotTakerFee "
    "triggerOrders"
)
COLLATERAL_KEYS = keys(
    "assetsValue borrowLiability collateral imf liabilitiesValue marginFraction mmf netEquity "
    "netEquityAvailable netEquityLocked netExposureFutures pnlUnrealized unsettledEquity"
)
TICKER_KEYS = keys("firstPrice high lastPrice low priceChange priceChangePercent quoteVolume symbol trades volume")

PLAIN_DECIMAL = re.compile(r"-?(0|[1-9]\d*)(\.\d*[1-9])?")


def ordered(response: httpx.Response) -> Any:
    """The answer's JSON; every object in it must have its keys in alphabetical order."""
    assert response.headers["content-type"] == "application/json; charset=utf-8"

    def checked(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert [key for key, _ in pairs] == sorted(key for key, _ in pairs)
        return dict(pairs)

    return json.loads(response.text, object_pairs_hook=checked)


def refusal(response: httpx.Response) -> tuple[int, str, str]:
    body = ordered(response)
    assert list(body) == ["code", "message"]
    return response.status_code, body["code"], body["message"]


async def test_system_answers() -> None:
    async with venue() as v:
        assert (await v.http.get("/api/v1/status")).text == '{"message":null,"status":"Ok"}'
        for path, pattern in (("ping", "pong"), ("time", r"\d{13}")):
            answer = await v.http.get(f"/api/v1/{path}")
            assert answer.headers["content-type"] == "text/plain; charset=utf-8"
            assert re.fullmatch(pattern, answer.text)
        assert refusal(await v.http.get("/api/v1/nothing")) == (404, "RESOURCE_NOT_FOUND", "Not Found")
        assert refusal(await v.http.put("/api/v1/order")) == (404, "RESOURCE_NOT_FOUND", "Not Found")


async def test_reference_data() -> None:
    async with venue() as v:
        markets = ordered(await v.http.get("/api/v1/markets"))
        assert [list(market) for market in markets] == [MARKET_KEYS] * 4
        grids = {
            market["symbol"]: (market["filters"]["price"]["tickSize"], market["filters"]["quantity"]["stepSize"])
            for market in markets
        }
        assert grids == {
            "SOL_USDC": ("0.01", "0.01"),
            "BTC_USDC": ("0.1", "0.00001"),
            "SOL_USDC_PERP": ("0.01", "0.01"),
            "BTC_USDC_PERP": ("0.1", "0.00001"),
        }
        spot = await v.http.get("/api/v1/markets?marketType=SPOT")
        assert {market["symbol"] for market in ordered(spot)} == {"SOL_USDC", "BTC_USDC"}
        assert ordered(await v.http.get("/api/v1/market?symbol=SOL_USDC")) == markets[0]
        assert (await v.http.get("/api/v1/securities")).text == "[]"
        assert {asset["symbol"] for asset in ordered(await v.http.get("/api/v1/assets"))} == {"BTC", "SOL", "USDC"}


async def test_depth_has_the_best_bid_last() -> None:
    async with venue() as v:
        book = ordered(await v.http.get("/api/v1/depth?symbol=SOL_USDC"))
        assert list(book) == ["asks", "bids", "lastUpdateId", "timestamp"]
        assert book["bids"][-1][0] == "149.99"
        assert book["asks"][0][0] == "150.01"
        assert book["bids"] == sorted(book["bids"], key=lambda level: float(level[0]))
        assert isinstance(book["lastUpdateId"], str)
        assert book["timestamp"] > 10**15
        await v.a.limit("Bid", "149.5")
        five = ordered(await v.http.get("/api/v1/depth?symbol=SOL_USDC&limit=5"))
        assert [five["bids"][0][0], five["bids"][-1][0]] == ["149.95", "149.99"]
        assert int(five["lastUpdateId"]) == int(book["lastUpdateId"]) + 1
        _, code, message = refusal(await v.http.get("/api/v1/depth?symbol=SOL_USDC&limit=7"))
        assert code == "INVALID_CLIENT_REQUEST"
        assert message == (
            'failed to parse parameter `limit`: failed to parse "DepthLimit": Expect a valid enumeration value.'
        )


async def test_trades_tickers_and_candles_follow_trading() -> None:
    async with venue() as v:
        assert (await v.http.get("/api/v1/ticker?symbol=SOL_USDC")).status_code == 204
        await v.a.limit("Bid", "150.01", "0.5")
        await v.a.limit("Ask", "149.99", "0.25")
        trades = ordered(await v.http.get("/api/v1/trades?symbol=SOL_USDC"))
        assert [(trade["id"], trade["price"], trade["isBuyerMaker"]) for trade in trades] == [
            (2, "149.99", True),
            (1, "150.01", False),
        ]
        assert trades[1]["quoteQuantity"] == "75.005"
        assert abs(trades[0]["timestamp"] - time.time() * 1000) < 10_000
        older = ordered(await v.http.get("/api/v1/trades/history?symbol=SOL_USDC&offset=1"))
        assert older == trades[1:]
        ticker = ordered(await v.http.get("/api/v1/ticker?symbol=SOL_USDC"))
        assert list(ticker) == TICKER_KEYS
        assert (ticker["firstPrice"], ticker["lastPrice"], ticker["trades"]) == ("150.01", "149.99", "2")
        assert ticker["priceChangePercent"] == "-0.000133"
        assert [row["symbol"] for row in ordered(await v.http.get("/api/v1/tickers"))] == ["SOL_USDC"]
        candles = ordered(
            await v.http.get(f"/api/v1/klines?symbol=SOL_USDC&interval=1h&startTime={int(time.time()) - 60}")
        )
        assert sum(int(candle["trades"]) for candle in candles) == 2
        assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:00:00", candles[0]["start"])


async def test_derivatives_data() -> None:
    async with venue() as v:
        marks = ordered(await v.http.get("/api/v1/markPrices"))
        assert [list(row) for row in marks] == [
            ["fundingRate", "indexPrice", "markPrice", "nextFundingTimestamp", "symbol"]
        ] * 2
        assert marks[0]["nextFundingTimestamp"] % 3_600_000 == 0
        assert list(ordered(await v.http.get("/api/v1/openInterest?symbol=SOL_USDC_PERP"))[0]) == [
            "openInterest",
            "symbol",
            "timestamp",
        ]
        rates = await v.http.get("/api/v1/fundingRates?symbol=SOL_USDC_PERP&limit=2")
        assert [list(row) for row in ordered(rates)] == [["fundingRate", "intervalEndTimestamp", "symbol"]] * 2
        assert rates.headers["x-total"] == "100"


async def test_an_order_lives_and_ends() -> None:
    async with venue() as v:
        placed = ordered(await v.a.limit("Bid", "140", "1.5", clientId=7, postOnly=True))
        assert list(placed) == ORDER_KEYS
        assert placed | {"id": "", "createdAt": 0} == dict.fromkeys(ORDER_KEYS) | {
            "clientId": 7,
            "createdAt": 0,
            "executedQuantity": "0",
            "executedQuoteQuantity": "0",
            "id": "",
            "orderType": "Limit",
            "postOnly": True,
            "price": "140",
            "quantity": "1.5",
            "selfTradePrevention": "RejectTaker",
            "side": "Bid",
            "status": "New",
            "symbol": "SOL_USDC",
            "timeInForce": "GTC",
        }
        named = {"symbol": "SOL_USDC", "orderId": placed["id"]}
        assert ordered(await v.a.call("GET", "/api/v1/order", named)) == placed
        assert ordered(await v.a.call("GET", "/api/v1/order", {"symbol": "SOL_USDC", "clientId": 7})) == placed
        assert ordered(await v.a.call("GET", "/api/v1/orders")) == [placed]
        assert ordered(await v.b.call("GET", "/api/v1/orders")) == []
        assert ordered(await v.a.call("GET", "/api/v1/capital"))["USDC"] == {
            "available": "999790",
            "locked": "210",
            "staked": "0",
        }
        cancelled = ordered(await v.a.call("DELETE", "/api/v1/order", named))
        assert cancelled == placed | {"status": "Cancelled"}
        gone = (404, "RESOURCE_NOT_FOUND", "Not Found")
        assert refusal(await v.a.call("GET", "/api/v1/order", named)) == gone
        assert refusal(await v.a.call("DELETE", "/api/v1/order", named)) == gone
        history = ordered(await v.a.call("GET", "/wapi/v1/history/orders", {"orderId": placed["id"]}))
        assert [list(row) for row in history] == [HISTORY_ORDER_KEYS]
        assert (history[0]["status"], history[0]["quoteQuantity"]) == ("Cancelled", "210")
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}", history[0]["createdAt"])


async def test_client_ids_may_repeat() -> None:
    async with venue() as v:
        orders = [ordered(await v.a.limit("Bid", price, clientId=9)) for price in ("140", "141")]
        assert orders[0]["id"] != orders[1]["id"]
        by_text = {"symbol": "SOL_USDC", "clientId": "9"}
        ids = [ordered(await v.a.call("DELETE", "/api/v1/order", by_text))["id"] for _ in orders]
        assert ids == [orders[1]["id"], orders[0]["id"]]


async def test_market_orders_and_fills() -> None:
    async with venue() as v:
        order = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Market", "quoteQuantity": "30", "clientId": 5}
        bought = ordered(await v.a.call("POST", "/api/v1/order", order))
        assert list(bought) == MARKET_ORDER_KEYS
        assert (bought["status"], bought["quantity"], bought["executedQuantity"]) == ("Filled", None, "0.19")
        by_quantity = {"symbol": "SOL_USDC", "side": "Ask", "orderType": "Market", "quantity": "0.01"}
        sold = ordered(await v.a.call("POST", "/api/v1/order", by_quantity))
        assert (sold["executedQuoteQuantity"], sold["quoteQuantity"]) == ("1.4999", "1.5")
        fills = await v.a.call("GET", "/wapi/v1/history/fills", {"symbol": "SOL_USDC", "fillType": "User"})
        assert [list(row) for row in ordered(fills)] == [FILL_KEYS] * 2
        newest, oldest = ordered(fills)
        assert (oldest["clientId"], oldest["fee"], oldest["feeSymbol"]) == ("5", "0.00019", "SOL")
        assert (newest["clientId"], newest["fee"], newest["feeSymbol"]) == (None, "0.0014999", "USDC")
        assert {name: fills.headers[name] for name in ("x-total", "x-page-size", "x-page-count", "x-current-page")} == {
            "x-total": "2",
            "x-page-size": "2",
            "x-page-count": "1",
            "x-current-page": "1",
        }
        page = await v.a.call("GET", "/wapi/v1/history/fills", {"limit": 1, "offset": 1})
        assert ordered(page) == [oldest]
        ascending = await v.a.call("GET", "/wapi/v1/history/fills", {"sortDirection": "Asc"})
        assert ordered(ascending) == [oldest, newest]
        none = await v.a.call("GET", "/wapi/v1/history/fills", {"to": 1})
        assert (none.text, none.headers["x-total"], none.headers["x-page-count"]) == ("[]", "0", "1")


async def test_immediate_orders_answer_with_how_they_expired() -> None:
    async with venue() as v:
        killed = ordered(await v.a.limit("Bid", "150.01", "5000", timeInForce="FOK"))
        assert (killed["status"], killed["executedQuantity"]) == ("Expired", "0")
        (row,) = ordered(await v.a.call("GET", "/wapi/v1/history/orders"))
        assert row["expiryReason"] == "FillOrKill"


async def test_positions_accounts_and_collateral() -> None:
    async with venue() as v:
        missing = await v.a.call("GET", "/api/v1/position", {"symbol": "SOL_USDC_PERP"})
        assert refusal(missing) == (404, "RESOURCE_NOT_FOUND", "Not Found")
        assert ordered(await v.a.call("GET", "/api/v1/position")) == []
        await v.a.limit("Ask", "149", "2", symbol="SOL_USDC_PERP")
        (position,) = ordered(await v.a.call("GET", "/api/v1/position"))
        assert list(position) == POSITION_KEYS
        assert (position["netQuantity"], position["entryPrice"], position["netCost"]) == ("-2", "150.09", "-300.18")
        assert position["netExposureQuantity"] == "2"
        account = ordered(await v.a.call("GET", "/api/v1/account"))
        assert list(account) == ACCOUNT_KEYS
        collateral = ordered(await v.a.call("GET", "/api/v1/capital/collateral"))
        assert list(collateral) == COLLATERAL_KEYS
        assert collateral["netExposureFutures"] == "300.18"
        changed = await v.a.call("PATCH", "/api/v1/account", {"leverageLimit": "5"})
        assert (changed.status_code, changed.text) == (200, "")
        assert ordered(await v.a.call("GET", "/api/v1/account"))["leverageLimit"] == "5"
        assert ordered(await v.a.call("GET", "/api/v1/borrowLend/positions")) == []


async def test_cancel_all_needs_a_symbol_and_spares_other_markets() -> None:
    async with venue() as v:
        for price in ("140", "141"):
            await v.a.limit("Bid", price)
        await v.a.limit("Bid", "140", symbol="SOL_USDC_PERP")
        assert (await v.a.call("DELETE", "/api/v1/orders", {})).status_code == 400
        cancelled = ordered(await v.a.call("DELETE", "/api/v1/orders", {"symbol": "SOL_USDC"}))
        assert [order["status"] for order in cancelled] == ["Cancelled"] * 2
        assert ordered(await v.a.call("DELETE", "/api/v1/orders", {"symbol": "SOL_USDC"})) == []
        assert len(ordered(await v.a.call("GET", "/api/v1/orders"))) == 1


async def test_a_batch_tells_each_order_and_a_malformed_one_fails_it_whole() -> None:
    async with venue() as v:
        good = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "price": "140", "quantity": "1"}
        crossing = good | {"price": "150.01", "postOnly": True}
        results = ordered(await v.a.call("POST", "/api/v1/orders", [good, crossing]))
        assert results[0]["operation"] == "Ok"
        assert results[1] == {
            "code": "INVALID_ORDER",
            "message": "Order would immediately match and take",
            "operation": "Err",
        }
        bad = await v.a.call("POST", "/api/v1/orders", [good, good | {"price": "140.001"}])
        assert refusal(bad) == (400, "INVALID_CLIENT_REQUEST", "Price decimal too long")
        assert len(ordered(await v.a.call("GET", "/api/v1/orders"))) == 1


LIMIT = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "price": "140", "quantity": "1"}
PARSE = "parse request payload error: failed to parse"
WITHIN = '(occurred while parsing "OrderExecutePayload")'


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"price": "140.001"}, "INVALID_CLIENT_REQUEST", "Price decimal too long"),
    ({"quantity": "1.001"}, "INVALID_CLIENT_REQUEST", "Quantity decimal too long"),
    ({"quantity": "0"}, "INVALID_QUANTITY", "Invalid quantity"),
    ({"price": "0"}, "INVALID_PRICE", "Invalid price"),
    ({"price": "400"}, "INVALID_PRICE", "Price is too far from the last active price"),
    ({"price": None}, "INVALID_ORDER", "Invalid order"),
    ({"price": "150.01", "postOnly": True}, "INVALID_ORDER", "Order would immediately match and take"),
    ({"symbol": "SOL_USDC_PERP", "reduceOnly": True}, "INVALID_ORDER", "Reduce only order not reduced"),
    ({"quantity": "9999"}, "INSUFFICIENT_FUNDS", "Insufficient funds"),
    ({"quantity": "9999", "symbol": "SOL_USDC_PERP"}, "INSUFFICIENT_MARGIN", "Insufficient margin"),
    ({"quantity": "99999", "symbol": "SOL_USDC_PERP"}, "POSITION_LIMIT", "Position limit reached"),
    ({"symbol": "ETH_USDC"}, "INVALID_MARKET", "Invalid market"),
    ({"symbol": "sol/usdc"}, "INVALID_CLIENT_REQUEST", f'{PARSE} "MarketSymbol": Invalid market symbol {WITHIN}'),
    ({"symbol": None}, "INVALID_CLIENT_REQUEST", f'{PARSE} "MarketSymbol": field is required {WITHIN}'),
    ({"side": "Buy"}, "INVALID_CLIENT_REQUEST", f'{PARSE} "Side": Expect a valid enumeration value. {WITHIN}'),
    ({"price": "1e2"}, "INVALID_CLIENT_REQUEST", f'{PARSE} "string_decimal": Invalid decimal {WITHIN}'),
    (
        {"price": 140},
        "INVALID_CLIENT_REQUEST",
        f'{PARSE} "string_decimal": Expected input type "string_decimal", found 140. {WITHIN}',
    ),
    (
        {"clientId": 2**32},
        "INVALID_CLIENT_REQUEST",
        f'{PARSE} "integer(uint32)": Only integers from 0 to 4294967295 are accepted. {WITHIN}',
    ),
    (
        {"triggerPrice": "140"},
        "INVALID_CLIENT_REQUEST",
        "Must specify both `triggerPrice` and `triggerQuantity` or neither",
    ),
]


async def test_refused_orders() -> None:
    async with venue() as v:
        for change, code, message in REFUSED:
            order = {name: value for name, value in (LIMIT | change).items() if value is not None}
            assert refusal(await v.poor.call("POST", "/api/v1/order", order)) == (400, code, message), change
        assert ordered(await v.poor.call("GET", "/api/v1/orders")) == []


async def test_an_array_is_no_order_and_text_is_no_json() -> None:
    async with venue() as v:
        answer = await v.a.call("POST", "/api/v1/order", [LIMIT])
        expected = 'parse request payload error: Expected input type "OrderExecutePayload", found [{'
        assert refusal(answer)[2].startswith(expected)
        odd = {"symbol": ["x"], "side": None, "price": "\ud800", "quantity": {"a": 1}, "clientId": True}
        assert (
            await v.http.post("/api/v1/order", content=json.dumps(odd), headers=await unsigned(v))
        ).status_code == 400
        headers = {"X-API-Key": v.a.public, "X-Timestamp": "1", "X-Signature": "x"}
        answer = await v.http.post("/api/v1/order", content=b"{", headers=headers)
        assert refusal(answer)[2].startswith("parse request payload error")


async def unsigned(v: Venue) -> dict[str, str]:
    """Headers that can be read and do not verify."""
    now = await v.http.get("/api/v1/time")
    return {"X-API-Key": v.a.public, "X-Timestamp": now.text, "X-Signature": v.a.signature("something else")}


async def test_signatures_are_demanded() -> None:
    async with venue() as v:

        async def capital(headers: dict[str, str]) -> tuple[int, str, str]:
            return refusal(await v.http.get("/api/v1/capital", headers=headers))

        bad = "INVALID_CLIENT_REQUEST"
        assert await capital({}) == (400, bad, "Invalid X-API-Key header")
        now = str(int(time.time() * 1000))
        signed = {"X-API-Key": v.a.public, "X-Timestamp": now, "X-Signature": v.a.signature("something else")}
        assert await capital(signed) == (400, bad, "Invalid signature")
        assert await capital(signed | {"X-API-Key": "A" * 43 + "="}) == (401, "UNAUTHORIZED", "Unauthorized")
        assert await capital(signed | {"X-Signature": "AAAA"}) == (400, bad, "Invalid X-Signature header")
        old = int(time.time() * 1000) - 6000
        assert refusal(await v.a.call("GET", "/api/v1/capital", timestamp=old)) == (400, bad, "Request has expired")
        assert (await v.a.call("GET", "/api/v1/capital", timestamp=old, window=10_000)).status_code == 200


async def test_histories_may_lag() -> None:
    config = SandboxConfig(makers=False, book_levels=5, history_lag_ms=60_000)
    async with venue(config) as v:
        await v.a.limit("Bid", "150.01", "0.01")
        for name in ("fills", "orders"):
            assert ordered(await v.a.call("GET", f"/wapi/v1/history/{name}")) == []


async def test_numbers_are_plain_decimals() -> None:
    async with venue() as v:
        await v.a.limit("Bid", "95000.1", "0.00001", symbol="BTC_USDC")
        texts = await numbers_of(v)
        assert texts
        assert all(PLAIN_DECIMAL.fullmatch(text) for text in texts), texts


async def numbers_of(v: Venue) -> list[str]:
    capital = ordered(await v.a.call("GET", "/api/v1/capital"))
    fills = ordered(await v.a.call("GET", "/wapi/v1/history/fills"))
    depth = ordered(await v.http.get("/api/v1/depth?symbol=BTC_USDC"))
    texts = [text for balance in capital.values() for text in balance.values()]
    texts += [fill[name] for fill in fills for name in ("fee", "price", "quantity")]
    return texts + [text for side in ("asks", "bids") for level in depth[side] for text in level]
