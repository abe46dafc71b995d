"""Money that comes to a Zanbara account and leaves it.

A withdrawal takes no id of ours, so its list is all there is to find one by. That withdrawals need a signature and a
second factor is documented (docs.zanbarax.com, "authentication"); paths and bodies are inferred.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import TypeVar

from msgspec.json import decode, encode

from adapters.contract import BeginSend, Throttle
from adapters.errors import NotSupported
from adapters.models import Transfer, WithdrawalRequest
from adapters.zanbara import errors, limits, wire
from adapters.zanbara.mapping import normalize_deposit, normalize_withdrawal
from adapters.zanbara.numbers import amount
from adapters.zanbara.requests import Endpoint
from adapters.zanbara.rest import Rest

_WITHDRAW = Endpoint("POST", "/v1/account/withdraw", limits.WITHDRAW, is_private=True)
_WITHDRAWALS = Endpoint("GET", "/v1/account/withdrawals", limits.WITHDRAWALS, is_private=True)
_DEPOSITS = Endpoint("GET", "/v1/account/deposits", limits.DEPOSITS, is_private=True)

Row = TypeVar("Row", wire.Withdrawal, wire.Deposit)


def encode_withdrawal(request: WithdrawalRequest, second_factor: str | None) -> bytes:
    """The JSON body; raises `ValueError` for what the venue has no words for."""
    body = {"asset": request.asset, "amount": amount(request.amount), "network": request.chain}
    optional = {"verification_code": second_factor, "memo": request.tag}
    given = {name: value for name, value in optional.items() if value is not None}
    return encode({**body, "address": request.address, **given})


class ZanbaraCapital:
    """Fulfils `contract.Capital`."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    async def withdraw(
        self, request: WithdrawalRequest, second_factor: str | None, *, throttle: Throttle, begin_send: BeginSend
    ) -> Transfer:
        """The amount includes the venue's fee."""
        try:
            body = encode_withdrawal(request, second_factor)
        except ValueError as exc:
            raise NotSupported(self._rest.venue, f"not supported: {exc}") from exc
        answer = await self._rest.write(
            _WITHDRAW, body, throttle, refused=errors.refused_operation, begin_send=begin_send
        )
        with self._rest.reading(answer):
            row = decode(answer.data, type=wire.Withdrawal)
            if (row.asset, row.network, row.address, Decimal(row.amount)) != (
                request.asset,
                request.chain,
                request.address,
                request.amount,
            ):
                raise self._rest.unreadable(answer, "it shows another withdrawal than was asked for")
            return normalize_withdrawal(row)

    async def withdrawals(self, since_ms: int, throttle: Throttle) -> Sequence[Transfer]:
        return [
            normalize_withdrawal(row) for row in await self._rows(_WITHDRAWALS, wire.Withdrawal, since_ms, throttle)
        ]

    async def deposits(self, since_ms: int, throttle: Throttle) -> Sequence[Transfer]:
        return [normalize_deposit(row) for row in await self._rows(_DEPOSITS, wire.Deposit, since_ms, throttle)]

    async def _rows(self, endpoint: Endpoint, kind: type[Row], since_ms: int, throttle: Throttle) -> list[Row]:
        """The venue's filter by time is inferred, so every row is looked at besides."""
        rows: list[Row] = []
        for answer, item in await self._rest.read_all(endpoint, {"start_time": since_ms}, throttle):
            with self._rest.reading(answer):
                row = decode(item, type=kind)
            if row.created_at >= since_ms:
                rows.append(row)
        return sorted(rows, key=lambda row: row.created_at, reverse=True)
