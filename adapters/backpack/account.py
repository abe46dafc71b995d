"""What one Backpack account holds. Source: docs.backpack.exchange, "Capital" and "Futures"."""

from collections.abc import Sequence

from msgspec.json import decode

from adapters.backpack import limits, wire
from adapters.backpack.mapping import normalize_balances, normalize_position
from adapters.backpack.requests import Endpoint
from adapters.backpack.rest import Rest
from adapters.contract import Throttle
from adapters.models import Balance, Position

_BALANCES = Endpoint("GET", "/api/v1/capital", limits.BALANCES, "balanceQuery")
_POSITIONS = Endpoint("GET", "/api/v1/position", limits.POSITIONS, "positionQuery")


class BackpackAccountData:
    """Fulfils `contract.AccountData`."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    async def balances(self, throttle: Throttle) -> Sequence[Balance]:
        """Assets with a balance; what is lent out is not in it."""
        response = await self._rest.read(_BALANCES, {}, throttle)
        with self._rest.reading(response):
            return normalize_balances(decode(response.content, type=dict[str, wire.Balance]))

    async def positions(self, throttle: Throttle) -> Sequence[Position]:
        """Net positions, cross margin; the list carries no liquidation prices."""
        response = await self._rest.read(_POSITIONS, {}, throttle)
        with self._rest.reading(response):
            rows = decode(response.content, type=list[wire.Position])
            return [position for row in rows if (position := normalize_position(self._rest.venue, row))]
