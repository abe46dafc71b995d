"""ccxt for Python as a trader sets it up: an exchange object whose addresses are the sandbox's."""

import inspect
from typing import Any

from tests.clients.venue import Keys, Venue

SPOT = "SOL/USDC"
PERP = "SOL/USDC:USDC"


def exchange_at(exchange_class: Any, venue: Venue, keys: Keys) -> Any:
    """An exchange object with nothing but its keys and addresses set."""
    exchange = exchange_class({"apiKey": keys.public, "secret": keys.secret})
    redirect(exchange, venue, keys)
    return exchange


def redirect(exchange: Any, venue: Venue, keys: Keys) -> None:
    """Point an exchange object at another venue and account."""
    exchange.apiKey, exchange.secret = keys.public, keys.secret
    streams = {"public": venue.urls.ws_url, "private": venue.urls.ws_url}
    exchange.urls["api"] = {"public": venue.urls.url, "private": venue.urls.url, "ws": streams}


async def answer(value: Any) -> Any:
    """What a call came to: the synchronous flavour has it at once, the other is waited for."""
    return await value if inspect.isawaitable(value) else value


async def close(exchange: Any) -> None:
    await answer(exchange.close() if hasattr(exchange, "close") else exchange.session.close())
