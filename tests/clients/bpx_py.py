"""bpx-py as a trader sets it up: its classes' addresses are the sandbox's, nothing else is changed."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import bpx.account
import bpx.async_.account
import bpx.async_.public
import bpx.public
from bpx.base.base_account import BaseAccount
from bpx.base.base_public import BasePublic

from tests.clients.ccxt_python import answer
from tests.clients.venue import Keys, Venue

SPOT = "SOL_USDC"
PERP = "SOL_USDC_PERP"

FLAVOURS: dict[str, tuple[Any, Any]] = {
    "sync": (bpx.public.Public, bpx.account.Account),
    "async": (bpx.async_.public.Public, bpx.async_.account.Account),
}


@contextlib.contextmanager
def pointed_at(venue: Venue) -> Iterator[None]:
    """Both addresses end in a slash, and both are attributes of the classes."""
    before = BaseAccount.BPX_API_URL, BasePublic.BASE_URL
    BaseAccount.BPX_API_URL = BasePublic.BASE_URL = f"{venue.urls.url}/"
    yield
    BaseAccount.BPX_API_URL, BasePublic.BASE_URL = before


def account_of(account_class: Any, keys: Keys) -> Any:
    return account_class(keys.public, keys.secret)


@dataclass(frozen=True)
class Bpx:
    """bpx-py's two objects: the public one, and one for an account."""

    public: Any
    account: Any
    account_class: Any
    is_async: bool

    async def best_bid(self, symbol: str = SPOT) -> float:
        """The venue sends bids from the worst to the best."""
        depth = await answer(self.public.get_depth(symbol))
        return float(depth["bids"][-1][0])

    async def resting(self, symbol: str = SPOT, **more: Any) -> Any:
        """A bid well below the market."""
        price = f"{await self.best_bid(symbol) * 0.9:.2f}"
        return await answer(self.account.execute_order(symbol, "Bid", "Limit", quantity="0.5", price=price, **more))

    async def bought(self, symbol: str = SPOT, quantity: str = "0.1") -> Any:
        return await answer(self.account.execute_order(symbol, "Bid", "Market", quantity=quantity))
