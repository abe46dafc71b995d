"""What one Zanbara account holds. Source: docs.zanbarax.com, "rate limits", which names the paths."""

from collections.abc import Sequence

from msgspec.json import decode

from adapters.contract import Throttle
from adapters.models import Balance, Position
from adapters.zanbara import limits, wire
from adapters.zanbara.mapping import normalize_balance, normalize_position
from adapters.zanbara.requests import Endpoint
from adapters.zanbara.rest import Rest

_BALANCE = Endpoint("GET", "/v1/account/balance", limits.BALANCES, is_private=True)
_POSITIONS = Endpoint("GET", "/v1/position/list", limits.POSITIONS, is_private=True)


class ZanbaraAccountData:
    """Fulfils `contract.AccountData`."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    async def balances(self, throttle: Throttle) -> Sequence[Balance]:
        """The one asset that everything is settled in."""
        answer = await self._rest.read(_BALANCE, {}, throttle)
        with self._rest.reading(answer):
            return [normalize_balance(decode(answer.data, type=wire.Balance))]

    async def positions(self, throttle: Throttle) -> Sequence[Position]:
        """Net positions, one for each market."""
        positions: list[Position] = []
        for answer, item in await self._rest.read_all(_POSITIONS, {}, throttle):
            with self._rest.reading(answer):
                position = normalize_position(self._rest.venue, decode(item, type=wire.Position))
            if position is not None:
                positions.append(position)
        return positions
