"""Backpack's refusals: status, code and message, as the venue words them.

One code, `INVALID_CLIENT_REQUEST`, stands for many causes and only the message tells them apart. Parse errors use the
templates of the web framework the venue is built with.
"""

from sandbox.matching import MarketState, Reason


class Problem(Exception):
    """A request's definite refusal, as it goes out."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message


def invalid_request(message: str) -> Problem:
    return Problem(400, "INVALID_CLIENT_REQUEST", message)


def not_found() -> Problem:
    return Problem(404, "RESOURCE_NOT_FOUND", "Not Found")


def forbidden(message: str = "Forbidden") -> Problem:
    return Problem(403, "FORBIDDEN", message)


def bad_parameter(name: str, type_name: str, reason: str) -> Problem:
    """A query parameter that cannot be read."""
    return invalid_request(f'failed to parse parameter `{name}`: failed to parse "{type_name}": {reason}')


def bad_payload(type_name: str, reason: str, outer: str | None = None) -> Problem:
    """A JSON body that cannot be read, or (with `outer`) one of its members."""
    where = f' (occurred while parsing "{outer}")' if outer else ""
    return invalid_request(f'parse request payload error: failed to parse "{type_name}": {reason}{where}')


_REFUSALS: dict[Reason, tuple[str, str]] = {
    Reason.UNKNOWN_MARKET: ("INVALID_MARKET", "Invalid market"),
    Reason.PRICE_TOO_PRECISE: ("INVALID_CLIENT_REQUEST", "Price decimal too long"),
    Reason.QUANTITY_TOO_PRECISE: ("INVALID_CLIENT_REQUEST", "Quantity decimal too long"),
    Reason.PRICE_OUT_OF_RANGE: ("INVALID_PRICE", "Invalid price"),
    Reason.PRICE_OUT_OF_BAND: ("INVALID_PRICE", "Price is too far from the last active price"),
    Reason.QUANTITY_OUT_OF_RANGE: ("INVALID_QUANTITY", "Invalid quantity"),
    Reason.INCOMPLETE: ("INVALID_ORDER", "Invalid order"),
    Reason.WOULD_TAKE: ("INVALID_ORDER", "Order would immediately match and take"),
    Reason.NOT_REDUCING: ("INVALID_ORDER", "Reduce only order not reduced"),
    Reason.INSUFFICIENT_FUNDS: ("INSUFFICIENT_FUNDS", "Insufficient funds"),
    Reason.INSUFFICIENT_MARGIN: ("INSUFFICIENT_MARGIN", "Insufficient margin"),
    Reason.POSITION_LIMIT: ("POSITION_LIMIT", "Position limit reached"),
    Reason.MARKET_STATE: ("TRADING_PAUSED", "Trading is paused"),
}
# What a market that takes some orders says to the others.
_WRONG_KIND = {
    MarketState.LIMIT_ONLY: "Market is in limit only mode",
    MarketState.POST_ONLY: "Market is in post only mode",
}

# Reasons found before the engine is asked: one such order fails its whole batch.
VALIDATION = frozenset(
    {
        Reason.UNKNOWN_MARKET,
        Reason.PRICE_TOO_PRECISE,
        Reason.QUANTITY_TOO_PRECISE,
        Reason.PRICE_OUT_OF_RANGE,
        Reason.QUANTITY_OUT_OF_RANGE,
        Reason.INCOMPLETE,
    }
)


def refused(reason: Reason, state: MarketState = MarketState.OPEN) -> Problem:
    """What the engine's refusal looks like on the wire; `state` is the market's."""
    if reason is Reason.MARKET_STATE and state in _WRONG_KIND:
        return Problem(400, "INVALID_ORDER", _WRONG_KIND[state])
    code, message = _REFUSALS[reason]
    return Problem(400, code, message)
