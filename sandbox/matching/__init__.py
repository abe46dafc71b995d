"""One matching engine for every simulated venue: pure, deterministic, and knowing no venue.

No clock, no I/O, no asyncio, no floats. What a venue calls things and how it writes them is its face's business.
"""

from sandbox.matching.account import Account, Balance, FeeSchedule, Position, Terms
from sandbox.matching.engine import Engine
from sandbox.matching.market import Band, Market, MarketKind
from sandbox.matching.order import (
    Expiry,
    Order,
    OrderRequest,
    OrderType,
    SelfTrade,
    Side,
    Status,
    TimeInForce,
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
    "Market",
    "MarketKind",
    "Order",
    "OrderRequest",
    "OrderType",
    "Position",
    "Reason",
    "Refusal",
    "Rules",
    "SelfTrade",
    "Side",
    "Status",
    "Terms",
    "TimeInForce",
]
