"""What every route of the face is asked, well and badly.

A well-asked question names what the answer must hold; a badly-asked one the refusal. Refusals that follow from the
document alone (a missing or unreadable input) are made from it in `bad_inputs`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.sandbox.backpack_schema.document import Document
from tests.sandbox.backpack_schema.filling import OTHER_PERP, PERP, SPOT, WITHDRAWAL, Filled, limit, market
from tests.sandbox.backpack_schema.in_process import START_US
from tests.sandbox.clients import Params

Route = tuple[str, str]
START_S = START_US // 1_000_000


@dataclass(frozen=True)
class Case:
    """One question, and the status of its answer. A list or map in a good answer must not be empty, unless it may."""

    params: Params = field(default_factory=dict)
    status: int = 200
    may_be_empty: bool = False
    desk: str = "desk-a"


def good_cases(filled: Filled) -> dict[Route, list[Case]]:
    """Per route, questions that are answered."""
    one, other = filled.id_of("resting"), filled.id_of("resting perpetual")
    asked = {"symbol": SPOT}
    return {
        ("GET", "/api/v1/status"): [Case()],
        ("GET", "/api/v1/ping"): [Case()],
        ("GET", "/api/v1/time"): [Case()],
        ("GET", "/api/v1/assets"): [Case(), Case({"country": "CH"})],
        ("GET", "/api/v1/markets"): [Case(), Case({"marketType": "PERP"})],
        ("GET", "/api/v1/market"): [Case({"symbol": symbol}) for symbol in (SPOT, PERP)],
        ("GET", "/api/v1/securities"): [Case(may_be_empty=True)],
        ("GET", "/api/v1/ticker"): [
            Case(asked),
            Case(asked | {"interval": "1w"}),
            Case({"symbol": "BTC_USDC"}, status=204),
        ],
        ("GET", "/api/v1/tickers"): [Case(), Case({"interval": "1d"})],
        ("GET", "/api/v1/depth"): [Case(asked), Case({"symbol": PERP, "limit": "5"})],
        ("GET", "/api/v1/trades"): [Case(asked), Case({"symbol": PERP, "limit": 1})],
        ("GET", "/api/v1/trades/history"): [Case(asked | {"limit": 2, "offset": 1})],
        ("GET", "/api/v1/markPrices"): [Case(), Case({"symbol": PERP}), Case({"marketType": "SPOT"})],
        ("GET", "/api/v1/openInterest"): [Case(), Case({"symbol": PERP})],
        ("GET", "/api/v1/fundingRates"): [Case({"symbol": PERP, "limit": 10_000, "offset": 0})],
        ("GET", "/api/v1/klines"): [
            Case(asked | {"interval": "1m", "startTime": START_S - 60, "endTime": START_S + 60, "priceType": "Last"}),
            Case({"symbol": PERP, "interval": "1month", "startTime": START_S - 60}),
        ],
        ("GET", "/api/v1/account"): [Case()],
        ("PATCH", "/api/v1/account"): [
            Case({"leverageLimit": "20", "autoLend": True, "autoBorrowSettlements": False, "autoRepayBorrows": True})
        ],
        ("GET", "/api/v1/capital"): [Case()],
        ("GET", "/api/v1/capital/collateral"): [Case()],
        ("GET", "/api/v1/borrowLend/positions"): [Case(may_be_empty=True)],
        ("GET", "/api/v1/position"): [
            Case(),
            Case({"symbol": PERP, "marketType": "PERP"}),
            Case(desk="desk-b", may_be_empty=True),
        ],
        ("GET", "/api/v1/order"): [
            Case({"symbol": SPOT, "orderId": one}),
            Case({"symbol": SPOT, "clientId": 4_294_967_295}),
            Case({"symbol": PERP, "orderId": other}),
        ],
        ("GET", "/api/v1/orders"): [Case(), Case(asked), Case({"symbol": PERP, "marketType": "PERP"})],
        ("POST", "/api/v1/order"): [
            Case(
                limit("Bid", "149.5", "1", clientId=0, postOnly=True, timeInForce="GTC", autoLend=True, brokerId=1400)
            ),
            Case(limit("Ask", "150.5", "0.1", timeInForce="FOK", reduceOnly=False, selfTradePrevention="RejectMaker")),
            Case(market("Ask", quantity="1")),
            Case(market("Bid", quoteQuantity="20", autoBorrow=False)),
            Case(market("Ask", PERP, quantity="0.5", reduceOnly=True)),
            Case(market("Ask", PERP, triggerPrice="130", triggerQuantity="50%", triggerBy="MarkPrice")),
            Case(limit("Bid", "149", "1", stopLossTriggerPrice="140", takeProfitTriggerPrice="160")),
        ],
        ("POST", "/api/v1/orders"): [
            Case(
                [
                    limit("Bid", "149.5", "1", clientId=11),
                    limit("Bid", "151", "1", postOnly=True),
                    market("Ask", quantity="1"),
                ]
            )
        ],
        ("DELETE", "/api/v1/order"): [
            Case({"symbol": SPOT, "orderId": one}),
            Case({"symbol": PERP, "orderId": other}),
        ],
        ("DELETE", "/api/v1/orders"): [
            Case(asked),
            Case({"symbol": PERP, "orderType": "RestingLimitOrder"}),
            Case({"symbol": PERP, "orderType": "ConditionalOrder"}),
            Case(asked, may_be_empty=True),
        ],
        ("GET", "/api/v1/collateral"): [Case()],
        ("GET", "/api/v1/market-sessions"): [Case()],
        ("GET", "/api/v1/account/limits/borrow"): [Case({"symbol": "SOL"})],
        ("GET", "/api/v1/account/limits/order"): [
            Case({"symbol": SPOT, "side": "Bid", "price": "150", "autoBorrow": False, "autoBorrowRepay": True}),
            Case({"symbol": PERP, "side": "Ask", "reduceOnly": True, "autoLendRedeem": False}),
        ],
        ("GET", "/api/v1/account/limits/withdrawal"): [
            Case({"symbol": "USDC"}),
            Case({"symbol": "SOL", "autoBorrow": True, "autoLendRedeem": False}),
        ],
        ("GET", "/wapi/v1/capital/deposits"): [
            Case(),
            Case({"from": 0, "to": 2 * START_US // 1000, "limit": 1, "offset": 0, "excludePlatform": True}),
        ],
        ("GET", "/wapi/v1/capital/deposit/address"): [Case({"blockchain": "Solana"})],
        ("GET", "/wapi/v1/capital/withdrawals"): [
            Case(),
            Case(
                {"id": filled.withdrawal["id"], "clientId": "wd-1", "from": 0, "to": 2 * START_US // 1000}
                | {"limit": 1, "offset": 0}
            ),
        ],
        ("POST", "/wapi/v1/capital/withdrawals"): [
            Case(WITHDRAWAL | {"autoBorrow": False, "autoLendRedeem": True}),
            Case(WITHDRAWAL | {"recipientInformation": {"withdrawal_address_id": 1}}),
        ],
        ("GET", "/wapi/v1/history/funding"): [
            Case(),
            Case({"symbol": PERP, "limit": 1, "offset": 0, "sortDirection": "Asc"}),
        ],
        ("GET", "/wapi/v1/history/settlement"): [
            Case(),
            Case(desk="desk-poor"),
            Case({"source": "FundingPayment", "limit": 1, "offset": 0, "sortDirection": "Asc"}),
        ],
        ("GET", "/wapi/v1/history/position"): [
            Case(),
            Case(desk="desk-poor"),
            Case({"symbol": OTHER_PERP, "state": "Closed", "marketType": "PERP", "limit": 1, "offset": 0}),
            Case({"state": "Open", "sortDirection": "Asc"}),
        ],
        ("GET", "/wapi/v1/history/interest"): [
            Case(may_be_empty=True),
            Case({"asset": "USDC", "symbol": SPOT, "source": "BorrowLend", "limit": 1}, may_be_empty=True),
        ],
        ("GET", "/wapi/v1/history/borrowLend"): [
            Case(may_be_empty=True),
            Case({"type": "Borrow", "sources": "Manual", "symbol": "USDC", "offset": 0}, may_be_empty=True),
        ],
        ("GET", "/wapi/v1/history/borrowLend/positions"): [
            Case(may_be_empty=True),
            Case({"symbol": "USDC", "side": "Lend", "state": "Open", "sortDirection": "Desc"}, may_be_empty=True),
        ],
        **{
            ("GET", f"/wapi/v1/history/{name}"): [Case(may_be_empty=True), Case({"symbol": SPOT}, may_be_empty=True)]
            for name in ("strategies", "rfq", "quote", "rfq/fill", "quote/fill")
        },
        ("GET", "/wapi/v1/history/dust"): [Case(may_be_empty=True), Case({"symbol": "SOL"}, may_be_empty=True)],
        ("GET", "/wapi/v1/history/orders"): [
            Case(),
            Case(desk="desk-poor"),
            Case(
                {
                    "orderId": filled.id_of("filled"),
                    "symbol": SPOT,
                    "marketType": "SPOT",
                    "limit": 1,
                    "offset": 0,
                    "sortDirection": "Asc",
                }
            ),
        ],
        ("GET", "/wapi/v1/history/fills"): [
            Case(),
            Case({"fillType": "User", "from": 0, "to": START_US, "symbol": PERP, "marketType": "PERP", "limit": 2}),
            Case({"orderId": filled.id_of("by quote"), "sortDirection": "Asc", "offset": 0}),
            Case({"fillType": "Liquidation"}, desk="desk-poor"),
        ],
    }


def bad_cases(filled: Filled) -> dict[Route, list[tuple[Case, str]]]:
    """Per route, well-formed questions that are refused, with the code."""
    unknown = {"symbol": "XYZ_USDC"}
    gone = {"symbol": SPOT, "orderId": filled.id_of("filled")}
    market_unknown = [(Case(unknown, status=400), "INVALID_MARKET")]
    both = {"symbol": SPOT, "orderId": "1", "clientId": 1}
    return {
        ("GET", "/api/v1/assets"): [(Case({"country": "Switzerland"}, status=400), "INVALID_CLIENT_REQUEST")],
        ("GET", "/api/v1/openInterest"): market_unknown,
        ("GET", "/api/v1/market"): market_unknown,
        ("GET", "/api/v1/ticker"): market_unknown,
        ("GET", "/api/v1/depth"): market_unknown,
        ("GET", "/api/v1/trades"): market_unknown,
        ("GET", "/api/v1/fundingRates"): market_unknown,
        ("GET", "/api/v1/position"): [(Case({"symbol": PERP}, status=404, desk="desk-b"), "RESOURCE_NOT_FOUND")],
        ("GET", "/api/v1/order"): [
            (Case(gone, status=404), "RESOURCE_NOT_FOUND"),
            (Case(both, status=400), "INVALID_CLIENT_REQUEST"),
        ],
        ("DELETE", "/api/v1/order"): [
            (Case(gone, status=404), "RESOURCE_NOT_FOUND"),
            (Case(both, status=400), "INVALID_CLIENT_REQUEST"),
        ],
        ("DELETE", "/api/v1/orders"): market_unknown,
        ("POST", "/api/v1/order"): [
            (Case(limit("Bid", "150", "1", "XYZ_USDC"), status=400), "INVALID_MARKET"),
            (Case(limit("Bid", "150.001", "1"), status=400), "INVALID_CLIENT_REQUEST"),
            (Case(limit("Bid", "150", "1.001"), status=400), "INVALID_CLIENT_REQUEST"),
            (Case(limit("Bid", "150", "0"), status=400), "INVALID_QUANTITY"),
            (Case(limit("Bid", "1", "1"), status=400), "INVALID_PRICE"),
            (Case(limit("Bid", "151", "1", postOnly=True), status=400), "INVALID_ORDER"),
            (Case(limit("Bid", "150", "100000"), status=400), "INSUFFICIENT_FUNDS"),
            (Case(limit("Bid", "150", "100", PERP), status=400, desk="desk-poor"), "INSUFFICIENT_MARGIN"),
            (Case(limit("Bid", "150", "1000000", PERP), status=400), "POSITION_LIMIT"),
            (Case(limit("Bid", "150", "1", PERP, reduceOnly=True), status=400), "INVALID_ORDER"),
            (Case(limit("Bid", "150", "1", triggerPrice="140"), status=400), "INVALID_CLIENT_REQUEST"),
            (Case(market("Bid"), status=400), "INVALID_ORDER"),
        ],
        ("GET", "/api/v1/account/limits/borrow"): [(Case({"symbol": "XYZ"}, status=400), "INVALID_ASSET")],
        ("GET", "/api/v1/account/limits/order"): [
            (Case(unknown | {"side": "Bid"}, status=400), "INVALID_MARKET"),
        ],
        ("GET", "/wapi/v1/capital/deposit/address"): [
            (Case({"blockchain": "Zcash"}, status=409), "PRECONDITION_FAILED"),
        ],
        ("POST", "/wapi/v1/capital/withdrawals"): [
            (Case(WITHDRAWAL, status=403, desk="desk-b"), "FORBIDDEN"),
            (Case(WITHDRAWAL | {"twoFactorToken": "wrong"}, status=400), "INVALID_TWO_FACTOR_CODE"),
            (Case(WITHDRAWAL | {"quantity": "100000000"}, status=400), "INSUFFICIENT_FUNDS"),
        ],
        ("POST", "/api/v1/orders"): [
            (Case([limit("Bid", "150", "1"), limit("Bid", "150", "1.001")], status=400), "INVALID_CLIENT_REQUEST"),
            (Case([], status=400), "INVALID_CLIENT_REQUEST"),
        ],
    }


def bad_inputs(document: Document, route: Route, good: Params) -> Iterator[tuple[str, Params]]:
    """Spoil a good question in every way the document forbids: (how, the spoiled question).

    What is required is left out, what is an integer or an enumeration is no such thing, a body's member is an array.
    """
    body = document.body_schema(*route)
    if body is None:
        assert isinstance(good, dict)
        yield from _spoiled_queries(document, route, good)
    elif body.get("type") == "array":
        assert isinstance(good, list)
        yield "an object for an array", good[0]
        for how, spoiled in _spoiled_objects(document.resolved(body["items"]), good[0]):
            yield f"in the last order: {how}", [*good, spoiled]
    else:
        assert isinstance(good, dict)
        yield "an array for an object", [good]
        yield from _spoiled_objects(body, good)


def _spoiled_queries(document: Document, route: Route, good: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, declared in document.query_parameters(*route).items():
        schema = document.resolved(declared["items"]) if declared["type"] == "array" else declared
        if "enum" in schema or schema["type"] in ("integer", "boolean"):
            yield f"{name} is nonsense", good | {name: "no such thing"}
        if schema["type"] == "integer":
            yield f"{name} is negative", good | {name: -1}
            yield f"{name} is too great", good | {name: 10**20}
    for name in document.required_parameters(*route):
        yield f"without {name}", {key: value for key, value in good.items() if key != name}


def _spoiled_objects(schema: dict[str, Any], good: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name in schema.get("required", ()):
        yield f"without {name}", {key: value for key, value in good.items() if key != name}
    for name in schema["properties"]:
        yield f"{name} is an array", good | {name: [1]}
