"""Money that comes to a Backpack account and leaves it. Source: docs.backpack.exchange, "Capital".

`clientId` is kept and can be asked for, but nothing says that it is an idempotency key. The second factor is sent as it
is given: the venue takes API withdrawals to addresses of the account's address book that need none.
"""

from collections.abc import Sequence
from typing import TypeVar

from msgspec.json import decode, encode

from adapters.backpack import errors, limits, wire
from adapters.backpack.mapping import normalize_deposit, normalize_withdrawal
from adapters.backpack.numbers import microseconds
from adapters.backpack.requests import Endpoint
from adapters.backpack.rest import Rest
from adapters.common.numbers import plain, positive
from adapters.contract import BeginSend, Throttle
from adapters.errors import NotSupported
from adapters.models import Transfer, WithdrawalRequest

_WITHDRAW = Endpoint("POST", "/wapi/v1/capital/withdrawals", limits.WITHDRAW, "withdraw")
_WITHDRAWALS = Endpoint("GET", "/wapi/v1/capital/withdrawals", limits.WITHDRAWALS, "withdrawalQueryAll")
_DEPOSITS = Endpoint("GET", "/wapi/v1/capital/deposits", limits.DEPOSITS, "depositQueryAll")
_PAGE = 1000

Row = TypeVar("Row", wire.Withdrawal, wire.Deposit)


def encode_withdrawal(request: WithdrawalRequest, second_factor: str | None) -> bytes:
    """The JSON body; raises `ValueError` for what the venue has no words for."""
    if request.tag is not None:
        raise ValueError("a withdrawal with a tag")
    body = {
        "address": request.address,
        "blockchain": request.chain,
        "clientId": request.client_id,
        "quantity": plain(positive(request.amount)),
        "symbol": request.asset,
    }
    return encode(body if second_factor is None else {**body, "twoFactorToken": second_factor})


class BackpackCapital:
    """Fulfils `contract.Capital`."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    async def withdraw(
        self, request: WithdrawalRequest, second_factor: str | None, *, throttle: Throttle, begin_send: BeginSend
    ) -> Transfer:
        try:
            body = encode_withdrawal(request, second_factor)
        except ValueError as exc:
            raise NotSupported(self._rest.venue, f"not supported: {exc}") from exc
        response = await self._rest.write(
            _WITHDRAW, body, throttle, refused=errors.refused_write, begin_send=begin_send
        )
        with self._rest.reading(response):
            row = decode(response.content, type=wire.Withdrawal)
            asked = (request.asset, request.chain, request.address, request.amount, request.client_id)
            if (row.symbol, row.blockchain, row.to_address, row.quantity, row.client_id) != asked:
                raise self._rest.unreadable(response, "it shows another withdrawal than was asked for")
            return normalize_withdrawal(row)

    async def withdrawals(self, since_ms: int, throttle: Throttle) -> Sequence[Transfer]:
        return [
            normalize_withdrawal(row) for row in await self._rows(_WITHDRAWALS, wire.Withdrawal, since_ms, throttle)
        ]

    async def deposits(self, since_ms: int, throttle: Throttle) -> Sequence[Transfer]:
        return [normalize_deposit(row) for row in await self._rows(_DEPOSITS, wire.Deposit, since_ms, throttle)]

    async def _rows(self, endpoint: Endpoint, kind: type[Row], since_ms: int, throttle: Throttle) -> list[Row]:
        rows: list[Row] = []
        while True:
            params = {"from": since_ms, "limit": _PAGE, "offset": len(rows)}
            response = await self._rest.read(endpoint, params, throttle)
            with self._rest.reading(response):
                page = decode(response.content, type=list[kind])  # type: ignore[valid-type]
            rows += page
            if len(page) < _PAGE:
                return sorted(rows, key=lambda row: microseconds(row.created_at), reverse=True)
