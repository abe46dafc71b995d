"""Backpack's conditional orders and brackets: how they wait, fire, fail and are shown."""

from typing import Any

import pytest

from sandbox.matching import MarketState
from tests.sandbox.backpack_desks import PERP, SPOT, history, limit, market, pin_index, pin_mark, place, refused
from tests.sandbox.backpack_schema.in_process import InProcess

STOP = {"symbol": PERP, "side": "Ask", "orderType": "Market", "triggerPrice": "140", "triggerQuantity": "1"}


def open_orders(venue: InProcess) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = venue.call("GET", "/api/v1/orders").json
    return rows


def long(quantity: str = "2") -> InProcess:
    """A venue at which desk-a is long."""
    venue = InProcess()
    place(venue, market("Bid", quantity, PERP))
    return venue


def test_a_waiting_order_shows_its_size_as_trigger_quantity() -> None:
    venue = InProcess()
    placed = place(venue, STOP | {"triggerBy": "MarkPrice", "clientId": 7})
    shown = {name: placed[name] for name in ("status", "quantity", "triggerPrice", "triggerQuantity", "triggerBy")}
    assert shown == {
        "status": "TriggerPending",
        "quantity": "0",
        "triggerPrice": "140",
        "triggerQuantity": "1",
        "triggerBy": "MarkPrice",
    }
    assert open_orders(venue) == [placed]
    asked = {"symbol": PERP, "orderId": placed["id"]}
    assert venue.call("GET", "/api/v1/order", asked).json == placed
    account = venue.call("GET", "/api/v1/account").json
    assert (account["limitOrders"], account["triggerOrders"]) == (0, 1)


def test_triggers_look_at_the_last_price_unless_told_otherwise() -> None:
    assert place(InProcess(), STOP)["triggerBy"] == "LastPrice"


def test_a_trigger_that_fires_places_another_order_that_points_back() -> None:
    venue = long()
    waiting = place(venue, STOP | {"triggerBy": "MarkPrice", "clientId": 7, "reduceOnly": True})
    pin_mark(venue, "140")
    assert open_orders(venue) == []
    newest, oldest = history(venue, "orders", symbol=PERP)[:2]
    assert (newest["status"], newest["executedQuantity"], newest["clientId"]) == ("Filled", "1", 7)
    assert (oldest["id"], oldest["status"]) == (waiting["id"], "Triggered")
    (position,) = venue.call("GET", "/api/v1/position").json
    assert position["netQuantity"] == "1"


def test_an_order_that_rests_after_its_trigger_says_when_and_for_which_it_came() -> None:
    venue = long()
    waiting = place(venue, limit("Ask", "160", "1", PERP) | STOP | {"orderType": "Limit", "triggerBy": "IndexPrice"})
    fired_ms = venue.clock.now_us() // 1000
    pin_index(venue, "139.99")
    (order,) = open_orders(venue)
    assert (order["status"], order["quantity"], order["relatedOrderId"]) == ("New", "1", waiting["id"])
    assert order["triggeredAt"] == fired_ms


@pytest.mark.parametrize(("price", "pinned"), [("140", "140.01"), ("160", "159.99")])
def test_a_trigger_waits_on_the_side_its_price_is_on(price: str, pinned: str) -> None:
    venue = long()
    place(venue, STOP | {"triggerPrice": price, "triggerBy": "MarkPrice"})
    pin_mark(venue, pinned)
    assert [order["status"] for order in open_orders(venue)] == ["TriggerPending"]
    pin_mark(venue, price)
    assert open_orders(venue) == []


def test_a_percentage_is_of_the_position_there_is_when_it_fires() -> None:
    venue = long("2")
    waiting = place(venue, STOP | {"triggerQuantity": "50%", "triggerBy": "MarkPrice", "reduceOnly": True})
    assert waiting["triggerQuantity"] == "50%"
    place(venue, market("Bid", "2", PERP))
    pin_mark(venue, "140")
    assert history(venue, "orders", symbol=PERP)[0]["executedQuantity"] == "2"


def test_a_percentage_without_a_position_fails() -> None:
    venue = InProcess()
    listener = venue.listen("account.orderUpdate")
    place(venue, STOP | {"triggerQuantity": "100%", "triggerBy": "MarkPrice"})
    pin_mark(venue, "140")
    (row,) = history(venue, "orders")
    assert (row["status"], row["expiryReason"]) == ("TriggerFailed", "StopWithoutPosition")
    told = [frame["data"] for frame in listener.frames]
    assert [(data["e"], data["X"]) for data in told] == [
        ("triggerPlaced", "TriggerPending"),
        ("triggerFailed", "TriggerFailed"),
    ]
    assert {name: told[0][name] for name in ("P", "B", "Y", "q", "o")} == {
        "P": "140",
        "B": "MarkPrice",
        "Y": "100%",
        "q": "0",
        "o": "MARKET",
    }


def test_the_stream_tells_the_order_a_trigger_placed_and_which_trigger_that_was() -> None:
    venue = long()
    waiting = place(venue, STOP | {"triggerBy": "MarkPrice"})
    listener = venue.listen("account.orderUpdate")
    pin_mark(venue, "140")
    accepted, filled = (frame["data"] for frame in listener.frames[:2])
    assert (accepted["e"], accepted["I"], filled["e"]) == ("orderAccepted", int(waiting["id"]), "orderFill")
    assert not {"P", "B", "Y"} & set(accepted)


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        (
            {"triggerQuantity": None},
            "INVALID_CLIENT_REQUEST",
            "Must specify both `triggerPrice` and `triggerQuantity` or neither",
        ),
        (
            {"triggerPrice": None},
            "INVALID_CLIENT_REQUEST",
            "Must specify both `triggerPrice` and `triggerQuantity` or neither",
        ),
        ({"triggerQuantity": "0.001"}, "INVALID_CLIENT_REQUEST", "Quantity decimal too long"),
        ({"triggerPrice": "140.001"}, "INVALID_CLIENT_REQUEST", "Price decimal too long"),
        ({"triggerQuantity": "101%"}, "INVALID_QUANTITY", "Invalid quantity"),
        ({"triggerQuantity": "0%"}, "INVALID_QUANTITY", "Invalid quantity"),
        (
            {"triggerBy": "BestPrice"},
            "INVALID_CLIENT_REQUEST",
            'parse request payload error: failed to parse "TriggerBy": Expect a valid enumeration value. '
            '(occurred while parsing "OrderExecutePayload")',
        ),
        ({"takeProfitLimitPrice": "170"}, "INVALID_ORDER", "Invalid order"),
    ],
)
def test_malformed_triggers_are_refused(change: dict[str, Any], code: str, message: str) -> None:
    order = {name: value for name, value in (STOP | change).items() if value is not None}
    assert refused(InProcess().call("POST", "/api/v1/order", order)) == (400, code, message)


def test_cancel_all_takes_the_kind_it_is_asked_for() -> None:
    venue = InProcess()
    resting = place(venue, limit("Bid", "140", symbol=PERP))
    waiting = place(venue, STOP)
    cancelled = venue.call("DELETE", "/api/v1/orders", {"symbol": PERP, "orderType": "ConditionalOrder"}).json
    assert [(order["id"], order["status"]) for order in cancelled] == [(waiting["id"], "Cancelled")]
    waiting = place(venue, STOP)
    cancelled = venue.call("DELETE", "/api/v1/orders", {"symbol": PERP, "orderType": "RestingLimitOrder"}).json
    assert [order["id"] for order in cancelled] == [resting["id"]]
    cancelled = venue.call("DELETE", "/api/v1/orders", {"symbol": PERP}).json
    assert [order["id"] for order in cancelled] == [waiting["id"]]


def test_a_waiting_order_can_be_cancelled() -> None:
    venue = InProcess()
    waiting = place(venue, STOP | {"clientId": 5})
    answer = venue.call("DELETE", "/api/v1/order", {"symbol": PERP, "clientId": 5})
    assert answer.json == waiting | {"status": "Cancelled"}
    pin_mark(venue, "139")
    assert [row["status"] for row in history(venue, "orders")] == ["Cancelled"]


BRACKET = {
    "takeProfitTriggerPrice": "170",
    "takeProfitLimitPrice": "169",
    "takeProfitTriggerBy": "MarkPrice",
    "stopLossTriggerPrice": "130",
    "stopLossTriggerBy": "MarkPrice",
}


def test_a_bracket_waits_from_the_first_fill_on_and_points_to_its_parent() -> None:
    venue = InProcess()
    parent = place(venue, market("Bid", "1", PERP) | BRACKET)
    assert {name: parent[name] for name in (*BRACKET, "stopLossLimitPrice")} == BRACKET | {"stopLossLimitPrice": None}
    take_profit, stop_loss = open_orders(venue)
    for leg in (take_profit, stop_loss):
        assert (leg["relatedOrderId"], leg["side"], leg["triggerQuantity"]) == (parent["id"], "Ask", "1")
        assert (leg["status"], leg["reduceOnly"]) == ("TriggerPending", True)
    assert (take_profit["orderType"], take_profit["price"], stop_loss["orderType"]) == ("Limit", "169", "Market")


def test_the_leg_that_fires_cancels_the_other_one() -> None:
    venue = InProcess()
    place(venue, market("Bid", "1", PERP) | BRACKET)
    pin_mark(venue, "130")
    assert open_orders(venue) == []
    assert venue.call("GET", "/api/v1/position").json == []
    statuses = [row["status"] for row in history(venue, "orders", symbol=PERP)]
    assert sorted(statuses) == ["Cancelled", "Filled", "Filled", "Triggered"]


def test_the_stream_tells_a_bracket_with_its_parent_and_its_legs() -> None:
    venue = InProcess()
    listener = venue.listen("account.orderUpdate")
    parent = place(venue, limit("Bid", "151", "1", PERP) | BRACKET)
    told = [frame["data"] for frame in listener.frames]
    assert {name: told[0].get(name) for name in "ajdbkg"} == {
        "a": "170",
        "j": "169",
        "d": "MarkPrice",
        "b": "130",
        "k": None,
        "g": "MarkPrice",
    }
    legs = [data for data in told if data["e"] == "triggerPlaced"]
    assert [(leg["I"], leg["P"]) for leg in legs] == [(int(parent["id"]), "170"), (int(parent["id"]), "130")]


def test_a_market_order_stops_at_its_slippage_tolerance() -> None:
    venue = InProcess()
    placed = place(venue, market("Bid", "500", slippageTolerance="1", slippageToleranceType="TickSize"))
    assert (placed["status"], placed["slippageTolerance"], placed["slippageToleranceType"]) == (
        "Expired",
        "1",
        "TickSize",
    )
    (row,) = history(venue, "orders")
    assert (row["expiryReason"], row["slippageTolerance"]) == ("SlippageToleranceExceeded", "1")


@pytest.mark.parametrize(
    ("state", "order", "code"),
    [
        (MarketState.CLOSED, limit("Bid", "140"), "TRADING_PAUSED"),
        (MarketState.CANCEL_ONLY, limit("Bid", "140"), "TRADING_PAUSED"),
        (MarketState.LIMIT_ONLY, market("Bid", "1"), "INVALID_ORDER"),
        (MarketState.POST_ONLY, limit("Bid", "140"), "INVALID_ORDER"),
    ],
)
def test_a_market_refuses_what_its_state_does_not_take(state: MarketState, order: dict[str, Any], code: str) -> None:
    venue = InProcess()
    resting = place(venue, limit("Bid", "141"))
    venue.world.simulation.engine.states[SPOT] = state
    assert refused(venue.call("POST", "/api/v1/order", order))[:2] == (400, code)
    cancelled = venue.call("DELETE", "/api/v1/order", {"symbol": SPOT, "orderId": resting["id"]})
    assert cancelled.json["status"] == "Cancelled"
