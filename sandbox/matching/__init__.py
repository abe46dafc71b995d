"""One matching engine for every simulated venue: pure, deterministic, and knowing no venue.

No clock, no I/O, no asyncio, no floats. What a venue calls things and how it writes them is its face's business.
"""

from sandbox.matching.account import Account, Balance, FeeSchedule, Position, Terms
from sandbox.matching.engine import Engine
from sandbox.matching.market import Band, FundingTerms, MarginFunction, Market, MarketKind, MarketState
from sandbox.matching.order import (
    Expiry,
    Leg,
    Order,
    OrderRequest,
    OrderType,
    Origin,
    PriceSource,
    SelfTrade,
    Side,
    Slippage,
    Status,
    TimeInForce,
    Trigger,
)
from sandbox.matching.refusal import Reason, Refusal
from sandbox.matching.rules import Rules

__all__ = [
    "Account",
    "Balance",
    "Band",
    "Engine",
    "Expiry",
    "FeeSchedule",
    "FundingTerms",
    "Leg",
    "MarginFunction",
    "Market",
    "MarketKind",
    "MarketState",
    "Order",
    "OrderRequest",
    "OrderType",
    "Origin",
    "Position",
    "PriceSource",
    "Reason",
    "Refusal",
    "Rules",
    "SelfTrade",
    "Side",
    "Slippage",
    "Status",
    "Terms",
    "TimeInForce",
    "Trigger",
]
