"""Backpack's face against the types of the official Rust client: answers and frames of a busy account."""

from typing import Any

import pytest

from tests.sandbox.backpack_schema.filling import OTHER_PERP, PERP, SPOT, Filled, fill, filled, limit, market
from tests.sandbox.backpack_schema.in_process import START_US, Listener
from tests.sandbox.backpack_schema.rust_types import ORDERS, mismatches

PRIVATE = ("account.orderUpdate", f"account.orderUpdate.{PERP}", "account.positionUpdate", "account.balanceUpdate")
EVERYWHERE = ("bookTicker", "depth", "depth.200ms", "depth.600ms", "depth.1000ms", "ticker", "trade", "kline.1m")
PERPETUAL = (*EVERYWHERE, "kline.1h", "markPrice", "openInterest")
PUBLIC = ("liquidation", *(f"{kind}.{SPOT}" for kind in EVERYWHERE), *(f"{kind}.{PERP}" for kind in PERPETUAL))
FRAMES = {
    "bookTicker": "BookTickerFrame",
    "depth": "DepthFrame",
    "ticker": "TickerFrame",
    "markPrice": "MarkPriceFrame",
    "kline": "KlineFrame",
    "liquidation": "LiquidationFrame",
    "openInterest": "OpenInterestFrame",
    "trade": "TradeFrame",
    "account.orderUpdate": "OrderFrame",
    "account.positionUpdate": "PositionFrame",
    "account.balanceUpdate": "BalanceFrame",
}
ORDER_EVENTS = {
    *("orderAccepted", "orderCancelled", "orderExpired", "orderFill", "orderModified", "triggerFailed", "triggerPlaced")
}
BUSY = filled()  # for reading
MEMBERS_OF_EVENTS = {"orderFill": set("lLmnNt"), "orderExpired": {"R"}, "triggerPlaced": set("PBY")}


def wrong(type_name: str, rows: Any) -> list[str]:
    """What is wrong with the rows of a list, which must not be empty."""
    assert rows
    return [fault for row in rows for fault in mismatches(type_name, row)]


def wrong_orders(rows: Any) -> list[str]:
    assert rows
    return [fault for row in rows for fault in mismatches(ORDERS[row["orderType"]], row)]


def answer(made: Filled, path: str, **params: Any) -> Any:
    exchange = made.venue.call("GET", path, params)
    assert exchange.status == 200, exchange.response
    return exchange.json


@pytest.mark.parametrize(
    ("type_name", "path", "params"),
    [
        ("Asset", "/api/v1/assets", {}),
        ("Market", "/api/v1/markets", {}),
        ("Ticker", "/api/v1/tickers", {}),
        ("Trade", "/api/v1/trades", {"symbol": PERP}),
        ("Trade", "/api/v1/trades/history", {"symbol": SPOT}),
        ("Kline", "/api/v1/klines", {"symbol": SPOT, "interval": "1m", "startTime": START_US // 1_000_000 - 600}),
        ("MarkPrice", "/api/v1/markPrices", {}),
        ("OpenInterest", "/api/v1/openInterest", {}),
        ("FundingRate", "/api/v1/fundingRates", {"symbol": PERP}),
        ("Position", "/api/v1/position", {}),
        ("Fill", "/wapi/v1/history/fills", {}),
        ("Deposit", "/wapi/v1/capital/deposits", {}),
        ("Withdrawal", "/wapi/v1/capital/withdrawals", {}),
    ],
)
def test_lists_hold_the_clients_types(type_name: str, path: str, params: dict[str, Any]) -> None:
    assert wrong(type_name, answer(BUSY, path, **params)) == []


@pytest.mark.parametrize(
    ("type_name", "path", "params"),
    [
        ("Market", "/api/v1/market", {"symbol": PERP}),
        ("Ticker", "/api/v1/ticker", {"symbol": SPOT}),
        ("Depth", "/api/v1/depth", {"symbol": SPOT}),
        ("Account", "/api/v1/account", {}),
        ("Collateral", "/api/v1/capital/collateral", {}),
        ("BorrowLimit", "/api/v1/account/limits/borrow", {"symbol": "USDC"}),
        ("OrderLimit", "/api/v1/account/limits/order", {"symbol": PERP, "side": "Ask"}),
        ("WithdrawalLimit", "/api/v1/account/limits/withdrawal", {"symbol": "USDC"}),
        ("DepositAddress", "/wapi/v1/capital/deposit/address", {"blockchain": "Solana"}),
    ],
)
def test_answers_are_the_clients_types(type_name: str, path: str, params: dict[str, Any]) -> None:
    assert list(mismatches(type_name, answer(BUSY, path, **params))) == []


def test_balances_are_a_map_of_the_clients_type() -> None:
    assert wrong("Balance", answer(BUSY, "/api/v1/capital").values()) == []


def test_orders_are_the_clients_types() -> None:
    assert wrong_orders(BUSY.orders.values()) == []
    assert wrong_orders(answer(BUSY, "/api/v1/orders")) == []
    assert wrong_orders([answer(BUSY, "/api/v1/order", symbol=SPOT, orderId=BUSY.id_of("resting"))]) == []


def test_a_batch_answers_orders_and_errors() -> None:
    batch = [limit("Bid", "149", "1"), limit("Bid", "151", "1", postOnly=True), market("Ask", quantity="1")]
    placed, refused, taken = filled().venue.call("POST", "/api/v1/orders", batch).json
    assert wrong_orders([placed, taken]) == []
    assert list(mismatches("BatchError", refused)) == []


@pytest.mark.parametrize("body", [{}, {"orderType": "RestingLimitOrder"}, {"orderType": "ConditionalOrder"}])
def test_cancelled_orders_are_the_clients_types(body: dict[str, str]) -> None:
    assert wrong_orders(filled().venue.call("DELETE", "/api/v1/orders", {"symbol": SPOT} | body).json) == []


def test_the_token_of_a_second_factor_is_the_clients_type() -> None:
    exchange = filled().venue.call("POST", "/wapi/v1/user/2fa", {"app": "123456"})
    assert exchange.status == 200
    assert list(mismatches("TwoFactorToken", exchange.json)) == []


def test_a_withdrawal_is_the_clients_type() -> None:
    assert list(mismatches("Withdrawal", BUSY.withdrawal)) == []


# -- frames ------------------------------------------------------------------------------------------------------


def heard(*streams: str) -> Listener:
    """Everything a busy minute sends to a subscriber of these streams."""
    made = Filled()
    listener = made.venue.listen(*streams)
    fill(made)
    for _ in range(2):
        made.venue.pass_time(60_000)
    return listener


def kind_of(frame: dict[str, Any]) -> str:
    kind, *rest = frame["stream"].split(".")
    return f"{kind}.{rest[0]}" if kind == "account" else str(kind)


@pytest.mark.parametrize("streams", [PUBLIC, PRIVATE], ids=["public", "private"])
def test_frames_are_the_clients_types(streams: tuple[str, ...]) -> None:
    faults = []
    frames = heard(*streams).frames
    assert {frame["stream"] for frame in frames} == set(streams)
    for frame in frames:
        assert set(frame) == {"data", "stream"}
        if frame["data"].get("X") == "TriggerFailed":
            continue  # the one status the client does not know
        faults += list(mismatches(FRAMES[kind_of(frame)], frame["data"], is_frame=True, where=frame["stream"]))
    assert faults == []


def test_order_frames_carry_what_their_event_needs() -> None:
    frames = [frame["data"] for frame in heard("account.orderUpdate").frames]
    assert {data["e"] for data in frames} == ORDER_EVENTS
    for data in frames:
        needed = MEMBERS_OF_EVENTS.get(data["e"], set()) | ({"p", "y"} if data["o"] == "LIMIT" else set())
        assert needed <= set(data), data
        assert ("R" in data) == (data["e"] == "orderExpired")


def test_order_frames_tell_of_brackets_and_where_an_order_came_from() -> None:
    made = Filled()
    listener = made.venue.listen("account.orderUpdate")
    fill(made)
    frames = [frame["data"] for frame in listener.frames]
    parent = int(made.id_of("with bracket"))
    accepted = next(data for data in frames if data["i"] == str(parent))
    assert {name: accepted.get(name) for name in "ajdbkg"} == {
        **{"a": "180", "j": "181", "d": "LastPrice"},
        **{"b": "120", "k": None, "g": "MarkPrice"},
    }
    legs = [data for data in frames if data.get("I") == parent]
    assert [(data["e"], data["X"], data["P"]) for data in legs] == [
        ("triggerPlaced", "TriggerPending", "180"),
        ("triggerPlaced", "TriggerPending", "120"),
    ]
    replacements = [data for data in frames if data.get("I") == int(made.id_of("fired"))]
    assert [data["e"] for data in replacements] == ["orderAccepted", "orderFill"]


def test_position_frames_tell_each_event() -> None:
    events = {frame["data"].get("e") for frame in heard("account.positionUpdate").frames}
    assert events == {"positionOpened", "positionAdjusted", "positionClosed"}


def test_a_new_subscriber_is_told_the_open_positions() -> None:
    frames = [frame["data"] for frame in BUSY.venue.listen("account.positionUpdate").frames]
    assert {data["s"] for data in frames} == {PERP, OTHER_PERP}
    for data in frames:
        assert "e" not in data
        assert list(mismatches("PositionFrame", data, is_frame=True)) == []
