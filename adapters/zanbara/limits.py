"""Zanbara's rate limits as data, and which call costs what.

Five classes of calls; private ones are counted per address and per API key at once, in windows of a minute. The test
network counts nothing. A VIP level multiplies the limits of the last three classes. Source:
docs.zanbarax.com, "rate limits" (`/api-zong-lan/rate-limits`); that a login counts as a system call is inferred.
"""

from collections.abc import Mapping

from adapters.common.rules import overridden
from adapters.contract import Call, CallKind, LimitHeaders, LimitRule, Limits, LimitScope

_MINUTE_MS = 60_000

_RULES = (
    LimitRule("ip_market_data", LimitScope.IP, 60, _MINUTE_MS),
    LimitRule("ip_system", LimitScope.IP, 20, _MINUTE_MS),
    LimitRule("ip_query", LimitScope.IP, 120, _MINUTE_MS),
    LimitRule("account_query", LimitScope.ACCOUNT, 600, _MINUTE_MS),
    LimitRule("ip_trade", LimitScope.IP, 30, _MINUTE_MS),
    LimitRule("account_trade", LimitScope.ACCOUNT, 120, _MINUTE_MS),
    LimitRule("ip_batch", LimitScope.IP, 10, _MINUTE_MS),
    LimitRule("account_batch", LimitScope.ACCOUNT, 30, _MINUTE_MS),
)

_DEBITS: Mapping[str, tuple[tuple[str, int], ...]] = {
    "market_data": (("ip_market_data", 1),),
    "system": (("ip_system", 1),),
    "query": (("ip_query", 1), ("account_query", 1)),
    "trade": (("ip_trade", 1), ("account_trade", 1)),
    "batch": (("ip_batch", 1), ("account_batch", 1)),
}

_HEADERS = LimitHeaders("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset")


def _tier(query: int, trade: int, batch: int) -> Mapping[str, int]:
    """That the limits by address are multiplied too is inferred."""
    times = {"query": query, "trade": trade, "batch": batch}
    return {f"{scope}_{kind}": by for scope in ("ip", "account") for kind, by in times.items()}


_TIERS = (_tier(2, 2, 2), _tier(5, 3, 3), _tier(10, 5, 5), _tier(20, 10, 10))
"""VIP 1 to 3, and the market makers'."""

SERVER_TIME = Call("server_time", CallKind.MARKET_READ, "system")
LOG_IN = Call("log_in", CallKind.CANCEL, "system")
"""As urgent as a cancel, since without a token not even that can be sent."""
MARKETS = Call("markets", CallKind.MARKET_READ, "market_data")
TICKER = Call("ticker", CallKind.MARKET_READ, "market_data")
ORDER_BOOK = Call("order_book", CallKind.MARKET_READ, "market_data")
TRADES = Call("trades", CallKind.MARKET_READ, "market_data")
PLACE = Call("place", CallKind.ORDER, "trade")
CANCEL = Call("cancel", CallKind.CANCEL, "trade")
AMEND = Call("amend", CallKind.ORDER, "trade")
PLACE_BATCH = Call("place_batch", CallKind.ORDER, "batch")
CANCEL_BATCH = Call("cancel_batch", CallKind.CANCEL, "batch")
CANCEL_ALL = Call("cancel_all", CallKind.CANCEL, "batch")
ORDER = Call("order", CallKind.ACCOUNT_READ, "query")
OPEN_ORDERS = Call("open_orders", CallKind.ACCOUNT_READ, "query")
ORDER_HISTORY = Call("order_history", CallKind.ACCOUNT_READ, "query")
FILLS = Call("fills", CallKind.ACCOUNT_READ, "query")
BALANCES = Call("balances", CallKind.ACCOUNT_READ, "query")
POSITIONS = Call("positions", CallKind.ACCOUNT_READ, "query")
SET_LEVERAGE = Call("set_leverage", CallKind.ORDER, "trade")
SET_MARGIN_MODE = Call("set_margin_mode", CallKind.ORDER, "trade")
ADD_MARGIN = Call("add_margin", CallKind.ORDER, "trade")
WITHDRAW = Call("withdraw", CallKind.ORDER, "trade")
"""That it counts as trading is inferred; so is that the lists of transfers are queries."""
WITHDRAWALS = Call("withdrawals", CallKind.ACCOUNT_READ, "query")
DEPOSITS = Call("deposits", CallKind.ACCOUNT_READ, "query")
LEDGER = Call("ledger", CallKind.ACCOUNT_READ, "query")

_CALLS = (
    *(SERVER_TIME, LOG_IN, MARKETS, TICKER, ORDER_BOOK, TRADES, PLACE, CANCEL, AMEND),
    *(PLACE_BATCH, CANCEL_BATCH, CANCEL_ALL),
    *(ORDER, OPEN_ORDERS, ORDER_HISTORY, FILLS, BALANCES, POSITIONS),
    *(SET_LEVERAGE, SET_MARGIN_MODE, ADD_MARGIN, WITHDRAW, WITHDRAWALS, DEPOSITS, LEDGER),
)


def limits_of(environment: str, overrides: Mapping[str, tuple[int, int]]) -> Limits:
    """The rules of an environment, some replaced by `{name: (limit, period_ms)}`.

    Raises `ValueError` for a name that is no rule there.
    """
    if environment == "testnet":
        rules = overridden((), overrides, of="zanbara's testnet")
        return Limits(rules=rules, debits=dict.fromkeys(_DEBITS, ()), calls=_CALLS, tiers=_TIERS)
    rules = overridden(_RULES, overrides, of="zanbara")
    return Limits(rules=rules, debits=_DEBITS, calls=_CALLS, headers=_HEADERS, tiers=_TIERS)
