"""A desk that has done everything a desk can do, so that no list of its is empty."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sandbox.config import AMPLE, AccountConfig, LimitConfig, SandboxConfig
from tests.sandbox.backpack_schema.in_process import Exchange, InProcess

SPOT = "SOL_USDC"
PERP = "SOL_USDC_PERP"
OTHER_PERP = "BTC_USDC_PERP"
ADDRESS = "9xQeWvG816bUx9EPjHmaT23yvVM2ZWbrrpZb9PusVFin"
FILLED = SandboxConfig(
    makers=False,
    book_levels=5,
    limits=LimitConfig(enforced=False),
    accounts=(
        AccountConfig("desk-a", AMPLE, scopes=("read", "trade", "withdraw"), address_book=(ADDRESS,)),
        AccountConfig("desk-b", AMPLE),
        AccountConfig("desk-poor", {"USDC": Decimal(400)}),
    ),
)
HOUR_MS = 3_600_000
WITHDRAWAL = {"address": ADDRESS, "blockchain": "Solana", "quantity": "12.5", "symbol": "USDC", "clientId": "wd-1"}
SHARE = {"triggerBy": "IndexPrice", "reduceOnly": True}


@dataclass
class Filled:
    """The venue after all that, the orders it answered, and what is still there to ask for."""

    venue: InProcess = field(default_factory=lambda: InProcess(FILLED))
    orders: dict[str, Any] = field(default_factory=dict)  # what was done -> the answer
    withdrawal: Any = None

    def order(self, what: str, *, desk: str = "desk-a", **fields: Any) -> Any:
        """Place an order, and keep its answer by what it is for."""
        exchange = self.venue.call("POST", "/api/v1/order", fields, desk=desk)
        self.orders[what] = done(exchange)
        return self.orders[what]

    def id_of(self, what: str) -> str:
        order_id: str = self.orders[what]["id"]
        return order_id


def done(exchange: Exchange) -> Any:
    """The answer of a call that must have succeeded."""
    assert exchange.status == 200, exchange.response
    return exchange.json if exchange.response.body else None


def limit(side: str, price: str, quantity: str, symbol: str = SPOT, **more: Any) -> dict[str, Any]:
    return {"symbol": symbol, "side": side, "orderType": "Limit", "price": price, "quantity": quantity} | more


def market(side: str, symbol: str = SPOT, **more: Any) -> dict[str, Any]:
    return {"symbol": symbol, "side": side, "orderType": "Market"} | more


def filled() -> Filled:
    """A venue at which everything was done once."""
    made = Filled()
    fill(made)
    return made


def fill(made: Filled) -> None:
    """Do everything once."""
    _move_money(made)
    _trade_spot(made)
    _be_liquidated(made)
    _trade_perpetuals(made)
    _wait_for_prices(made)
    _halve_a_position(made)
    made.venue.pass_time(HOUR_MS)
    _attach_brackets(made)


def _move_money(made: Filled) -> None:
    made.venue.control("/sim/transfers", {"account": "desk-a", "asset": "USDC", "amount": "50"})
    made.withdrawal = done(made.venue.call("POST", "/wapi/v1/capital/withdrawals", WITHDRAWAL))


def _trade_spot(made: Filled) -> None:
    percent = {"slippageTolerance": "1", "slippageToleranceType": "Percent"}
    made.order("filled", **limit("Bid", "150.01", "0.5", clientId=7))
    made.order("resting", **limit("Bid", "149", "1", clientId=4_294_967_295, postOnly=True))
    made.order("cut short", **limit("Ask", "149.99", "100", timeInForce="IOC", clientId=8))
    made.order("killed", **limit("Ask", "149.98", "5000", timeInForce="FOK"))
    made.order("by quantity", **market("Ask", quantity="0.25", clientId=9))
    made.order("by quote", **market("Bid", quoteQuantity="75"))
    made.order("within slippage", **market("Bid", quantity="0.1", **percent))
    made.order("cancelled", **limit("Ask", "160", "1"))
    done(made.venue.call("DELETE", "/api/v1/order", {"symbol": SPOT, "orderId": made.id_of("cancelled")}))
    made.order("partly filled", **limit("Bid", "150.01", "900", selfTradePrevention="RejectBoth"))
    made.order("of itself", **limit("Ask", "150", "1"))


def _trade_perpetuals(made: Filled) -> None:
    made.order("opened", **market("Bid", PERP, quantity="4", clientId=10))
    made.order("opened short", **market("Ask", OTHER_PERP, quantity="0.01"))
    made.order("closed", **market("Bid", OTHER_PERP, quantity="0.01", reduceOnly=True))
    made.order("resting perpetual", **limit("Ask", "160", "1", PERP, reduceOnly=True))


def _be_liquidated(made: Filled) -> None:
    """The small desk buys as much as it can, and the mark falls."""
    made.order("liquidated", desk="desk-poor", **market("Bid", PERP, quantity="20"))
    made.venue.control("/sim/prices", {"symbol": PERP, "mark": "130"})
    made.venue.pass_time(1000)
    made.venue.control("/sim/prices", {"symbol": PERP, "mark": None})


def _wait_for_prices(made: Filled) -> None:
    """One order fires, one fires in vain, three wait."""
    mark, whole = {"triggerBy": "MarkPrice"}, {"triggerQuantity": "100%"}
    made.order("waiting", **market("Ask", PERP, triggerPrice="140", triggerQuantity="1", **mark))
    made.order("waiting share", **limit("Ask", "170", "0", PERP, triggerPrice="165", triggerQuantity="50%") | SHARE)
    made.order("waiting on spot", **limit("Bid", "120", "1", triggerPrice="125", triggerQuantity="1", clientId=12))
    made.order("fired", **market("Ask", PERP, triggerPrice="145", triggerQuantity="1", clientId=13, **mark))
    made.order("fired in vain", **market("Ask", OTHER_PERP, triggerPrice="94000", **mark, **whole))
    for symbol, price in ((PERP, "144"), (OTHER_PERP, "93000")):
        made.venue.control("/sim/prices", {"symbol": symbol, "mark": price})
        made.venue.pass_time(1000)
        made.venue.control("/sim/prices", {"symbol": symbol, "mark": None})


def _halve_a_position(made: Filled) -> None:
    """What would close more than is left shrinks."""
    made.order("opened other", **market("Bid", OTHER_PERP, quantity="0.02"))
    made.order("shrunk", **limit("Ask", "96000", "0.02", OTHER_PERP, reduceOnly=True))
    made.order("half closed", **market("Ask", OTHER_PERP, quantity="0.01"))


def _attach_brackets(made: Filled) -> None:
    profit = {"takeProfitTriggerPrice": "180", "takeProfitLimitPrice": "181", "takeProfitTriggerBy": "LastPrice"}
    loss = {"stopLossTriggerPrice": "120", "stopLossTriggerBy": "MarkPrice"}
    made.order("with bracket", **market("Bid", PERP, quantity="1", **profit, **loss))
    made.order("with bracket to come", **limit("Bid", "148", "1", PERP, **profit, **loss))
