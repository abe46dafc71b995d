"""Zanbara's request limits: five classes, counted by address and, where there is a key, by key at the same time.

Source: docs.zanbarax.com/api-zong-lan/rate-limits
"""

from enum import StrEnum

from sandbox.config import Counting
from sandbox.limits import VenueLimits


class RequestClass(StrEnum):
    MARKET = "market"
    SYSTEM = "system"
    QUERY = "query"
    TRADE = "trade"
    BATCH = "batch"


LIMITS = VenueLimits(
    {
        "ip_market": 60,
        "ip_system": 20,
        "ip_query": 120,
        "ip_trade": 30,
        "ip_batch": 10,
        "key_query": 600,
        "key_trade": 120,
        "key_batch": 30,
    },
    (Counting.FIRST_REQUEST,),
)

# By VIP level, market makers last. Both dimensions are multiplied, or one machine would never profit.
MULTIPLIERS: tuple[dict[RequestClass, int], ...] = (
    {},
    {RequestClass.QUERY: 2, RequestClass.TRADE: 2, RequestClass.BATCH: 2},
    {RequestClass.QUERY: 5, RequestClass.TRADE: 3, RequestClass.BATCH: 3},
    {RequestClass.QUERY: 10, RequestClass.TRADE: 5, RequestClass.BATCH: 5},
    {RequestClass.QUERY: 20, RequestClass.TRADE: 10, RequestClass.BATCH: 10},
)


def multiplier(vip_level: int, request_class: RequestClass) -> int:
    return MULTIPLIERS[min(vip_level, len(MULTIPLIERS) - 1)].get(request_class, 1)
