"""Whatever a client sends, Backpack's face answers or refuses; it never fails."""

import base64
import json
from typing import Any
from urllib.parse import parse_qsl, urlencode

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox.backpack.errors import Problem
from sandbox.backpack.fields import parse_json
from sandbox.backpack.signing import Stamp, json_parameters, query_parameters, signing_strings
from tests.sandbox.backpack_schema.document import document
from tests.sandbox.backpack_schema.filling import ADDRESS, FILLED, PERP, SPOT, filled, limit, market
from tests.sandbox.backpack_schema.in_process import Exchange, InProcess, instruction_of, served_routes

CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no failure
BUSY = filled().venue  # for reading
READS = [path for method, path in served_routes() if method == "GET"]
STATE = [
    "/wapi/v1/history/fills",
    "/wapi/v1/history/position",
    "/api/v1/account",
    "/api/v1/capital/collateral",
    "/api/v1/position",
    "/api/v1/orders",
    "/wapi/v1/history/orders",
]
WRITES = [route for route in served_routes() if route[0] != "GET"]


def signed(venue: InProcess, method: str, path: str, *, query: str = "", body: bytes = b"") -> Exchange:
    """Send a request, signed as the venue will read it, for a refusal must not be for the signature's sake."""
    instruction = instruction_of(venue.face, method, path)
    if instruction is None:
        return venue.send(method, path, {}, {}, query=query, body=body)
    public, key = venue.keys["desk-a"]
    stamp = Stamp(public, b"", venue.clock.now_us() // 1000, 5000)
    string = next(signing_strings(stamp, instruction, read_groups(query, body), strict=True))
    headers = {
        "X-API-Key": public,
        "X-Signature": base64.b64encode(key.sign(string.encode(errors="replace")).signature).decode(),
        "X-Timestamp": str(stamp.timestamp_ms),
    }
    return venue.send(method, path, {}, headers, query=query, body=body)


def read_groups(query: str, body: bytes) -> list[Any]:
    """The parameters a request shows to whoever checks its signature."""
    if not body:
        return [query_parameters(parse_qsl(query, keep_blank_values=True))]
    try:
        value = parse_json(body)
    except Problem:
        return [{}]
    if isinstance(value, list):
        return [json_parameters(item) for item in value if isinstance(item, dict)]
    return [json_parameters(value) if isinstance(value, dict) else {}]


def trading() -> InProcess:
    """A venue where the desk has an order open and holds a position."""
    venue = InProcess(FILLED)
    venue.call("POST", "/api/v1/order", limit("Bid", "149", "1", clientId=1))
    venue.call("POST", "/api/v1/order", market("Bid", PERP, quantity="1"))
    return venue


def check(exchange: Exchange) -> None:
    """No failure; and if a refusal, one of the venue's."""
    assert exchange.status < 500, exchange.response
    if exchange.status >= 400:
        assert document().error_faults(exchange.json) == []
        assert exchange.json["message"] != "Invalid signature"


SYMBOLS = st.sampled_from(["USDC", SPOT, PERP, "BTC_USDC", "XYZ_USDC", "SOL", "", "sol_usdc", "SOL_USDC_PERP_X"])
NUMBERS = st.one_of(
    st.sampled_from(
        ["0", "1", "150", "149.99", "-1", "+1", "1e3", "NaN", "Infinity", ".5", "5.", "0x10", "٣", "12%", "101%"]
    ),
    st.decimals(allow_nan=True, allow_infinity=True).map(str),
    st.integers(-(10**25), 10**25).map(str),
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10) | NUMBERS | SYMBOLS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
AMOUNTS = (
    *("price", "quantity", "quoteQuantity", "triggerPrice", "triggerQuantity", "slippageTolerance", "leverageLimit"),
    *("takeProfitTriggerPrice", "takeProfitLimitPrice", "stopLossTriggerPrice", "stopLossLimitPrice", "brokerId"),
)
PLAUSIBLE: dict[str, st.SearchStrategy[Any]] = {
    "address": st.sampled_from([ADDRESS, ""]),
    "blockchain": st.sampled_from(["Solana", "Bitcoin", "Zcash", "solana"]),
    "symbol": SYMBOLS,
    "side": st.sampled_from(["Bid", "Ask", "Buy"]),
    "orderType": st.sampled_from(["Limit", "Market", "RestingLimitOrder", "ConditionalOrder"]),
    "timeInForce": st.sampled_from(["GTC", "IOC", "FOK", "GTX"]),
    "selfTradePrevention": st.sampled_from(["RejectTaker", "RejectMaker", "RejectBoth", "Allow"]),
    "slippageToleranceType": st.sampled_from(["TickSize", "Percent"]),
    "clientId": st.integers(-1, 2**32) | NUMBERS,
    "orderId": st.integers(0, 2**70).map(str) | st.integers() | st.text(max_size=5),
    **{
        name: st.sampled_from(["LastPrice", "MarkPrice", "IndexPrice"]) for name in ("triggerBy", "takeProfitTriggerBy")
    },
    **{name: st.booleans() for name in ("postOnly", "reduceOnly", "autoLend", "autoBorrow")},
    **dict.fromkeys(AMOUNTS, NUMBERS),
}
WITHDRAWALS = st.fixed_dictionaries(
    {name: PLAUSIBLE[name] for name in ("address", "blockchain", "symbol", "quantity")},
    optional={"clientId": ANYTHING, "twoFactorToken": ANYTHING, "recipientInformation": ANYTHING},
)
OBJECTS = st.fixed_dictionaries(
    {"symbol": PLAUSIBLE["symbol"], "side": PLAUSIBLE["side"], "orderType": PLAUSIBLE["orderType"]},
    optional={
        name: values | ANYTHING for name, values in PLAUSIBLE.items() if name not in ("symbol", "side", "orderType")
    },
) | st.dictionaries(st.sampled_from(sorted(PLAUSIBLE)) | st.text(max_size=8), ANYTHING, max_size=6)
BODIES = OBJECTS | WITHDRAWALS | st.lists(OBJECTS, max_size=4) | ANYTHING


@settings(CALM, max_examples=60)
@given(route=st.sampled_from(WRITES), body=BODIES)
def test_any_json_is_answered_or_refused(route: tuple[str, str], body: Any) -> None:
    venue = trading()
    check(signed(venue, *route, body=json.dumps(body).encode()))
    assert unreadable(venue) == []


PRICES = st.sampled_from(["120", "140", "149.5", "150", "150.1", "151", "160", "180", "95000"])
QUANTITIES = st.sampled_from(["0.01", "0.5", "1", "2", "60", "5000"])
SHARES = st.sampled_from(["1", "0.01", "50%", "100%", "0.3%"])
SOURCES = st.sampled_from(["LastPrice", "MarkPrice", "IndexPrice"])
ORDERS = st.fixed_dictionaries(
    {
        "symbol": st.sampled_from([SPOT, PERP, PERP, "BTC_USDC_PERP"]),
        "side": st.sampled_from(["Bid", "Ask"]),
        "orderType": st.sampled_from(["Limit", "Market"]),
        "price": PRICES,
        "quantity": QUANTITIES,
    },
    optional={
        **{name: st.booleans() for name in ("postOnly", "reduceOnly")},
        **dict.fromkeys(("triggerBy", "takeProfitTriggerBy", "stopLossTriggerBy"), SOURCES),
        **dict.fromkeys(("takeProfitTriggerPrice", "stopLossTriggerPrice", "stopLossLimitPrice"), PRICES),
        "timeInForce": st.sampled_from(["GTC", "IOC", "FOK"]),
        "selfTradePrevention": st.sampled_from(["RejectTaker", "RejectMaker", "RejectBoth"]),
        "slippageTolerance": st.sampled_from(["0", "1", "5"]),
        "slippageToleranceType": st.sampled_from(["TickSize", "Percent"]),
    },
)
CONDITIONS: st.SearchStrategy[dict[str, str]] = st.just({}) | st.fixed_dictionaries(
    {"triggerPrice": PRICES, "triggerQuantity": SHARES}
)
WISHES = st.lists(st.tuples(ORDERS, CONDITIONS).map(lambda pair: pair[0] | pair[1]), min_size=1, max_size=5)


@settings(CALM, max_examples=40)
@given(wishes=WISHES, marks=st.lists(st.sampled_from(["119", "135", "150", "165", "181"]), max_size=3))
def test_any_orders_and_prices_leave_the_account_readable(wishes: list[dict[str, Any]], marks: list[str]) -> None:
    venue = trading()
    for wish in wishes:
        check(venue.call("POST", "/api/v1/order", wish))
    for mark in marks:
        venue.control("/sim/prices", {"symbol": PERP, "mark": mark, "index": mark})
        venue.pass_time(1000)
    assert unreadable(venue) == []
    check(venue.call("DELETE", "/api/v1/orders", {"symbol": PERP}))
    assert unreadable(venue) == []


def unreadable(venue: InProcess) -> list[str]:
    """What is wrong with the account's own pages, a second later."""
    venue.pass_time(1000)
    return [fault for path in STATE for fault in document().answer_faults(venue.call("GET", path))]


@settings(CALM, max_examples=100)
@given(route=st.sampled_from(WRITES), body=st.binary(max_size=60) | st.text(max_size=40).map(str.encode))
def test_any_bytes_are_answered_or_refused(route: tuple[str, str], body: bytes) -> None:
    check(signed(BUSY, *route, body=body))


WORDS = (
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
    | NUMBERS
    | SYMBOLS
    | st.sampled_from(["1m", "1month", "5", "1000", "Asc", "PERP", "User", "Mark", "Open", "USDC", "Solana"])
)


def query_names() -> list[str]:
    """Every query parameter of any route."""
    routes = [("GET", path) for path in READS if document().knows("GET", path)]
    return sorted({name for route in routes for name in document().query_parameters(*route)})


@settings(CALM, max_examples=100)
@given(
    path=st.sampled_from(READS),
    query=st.lists(
        st.tuples(st.sampled_from(query_names()) | WORDS, WORDS), max_size=6, unique_by=lambda pair: pair[0]
    ),
)
def test_any_query_is_answered_or_refused(path: str, query: list[tuple[str, str]]) -> None:
    check(signed(BUSY, "GET", path, query=urlencode(query)))


HEADERS = ["X-API-Key", "X-Signature", "X-Timestamp", "X-Window"]


@settings(CALM, max_examples=100)
@given(
    path=st.sampled_from(READS),
    headers=st.dictionaries(
        st.sampled_from(HEADERS), WORDS | st.binary(max_size=70).map(base64.b64encode).map(bytes.decode)
    ),
)
def test_any_signature_is_answered_or_refused(path: str, headers: dict[str, str]) -> None:
    exchange = BUSY.send("GET", path, {}, headers)
    assert exchange.status < 500
    if exchange.status >= 400:
        assert document().error_faults(exchange.json) == []


FRAMES = st.text(max_size=30) | st.fixed_dictionaries(
    {},
    optional={
        "method": st.sampled_from(["SUBSCRIBE", "UNSUBSCRIBE"]) | ANYTHING,
        "params": st.lists(WORDS | st.sampled_from(["account.orderUpdate", f"depth.{SPOT}", f"kline.1m.{SPOT}"]))
        | ANYTHING,
        "signature": st.lists(WORDS, min_size=4, max_size=4) | ANYTHING,
    },
).map(json.dumps)


@settings(CALM, max_examples=100)
@given(frame=FRAMES)
def test_any_frame_is_taken_or_refused(frame: str) -> None:
    listener = BUSY.listen()
    BUSY.face.received(listener, frame, BUSY.clock.now_us())
    BUSY.world.hub.leave(listener)
    for answer in listener.frames:
        assert set(answer) == {"id", "error"}
        assert answer["error"]["code"] in range(4000, 5000)
