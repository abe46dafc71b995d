"""How one Zanbara account's positions are margined, market by market.

Source: docs.zanbarax.com, "rate limits", which names the paths; the bodies are inferred.
"""

from decimal import Decimal
from typing import Any

from msgspec.json import decode, encode

from adapters.contract import BeginSend, Throttle
from adapters.errors import NotSupported
from adapters.models import MarginMode, Market
from adapters.zanbara import errors, limits, wire
from adapters.zanbara.numbers import amount as amount_text
from adapters.zanbara.requests import Endpoint
from adapters.zanbara.rest import Answer, Rest

_SET_LEVERAGE = Endpoint("POST", "/v1/position/set-leverage", limits.SET_LEVERAGE, is_private=True)
_SET_MARGIN_MODE = Endpoint("POST", "/v1/position/set-margin-mode", limits.SET_MARGIN_MODE, is_private=True)
_ADD_MARGIN = Endpoint("POST", "/v1/position/add-margin", limits.ADD_MARGIN, is_private=True)


class ZanbaraPositions:
    """Fulfils `contract.Positions`."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    async def set_leverage(self, market: Market, leverage: int, *, throttle: Throttle, begin_send: BeginSend) -> None:
        answer = await self._write(_SET_LEVERAGE, market, throttle, begin_send, leverage=leverage)
        if self._setting(answer, market).leverage != leverage:
            raise self._rest.unreadable(answer, "it shows another leverage than was set")

    async def set_margin_mode(
        self, market: Market, mode: MarginMode, *, throttle: Throttle, begin_send: BeginSend
    ) -> None:
        answer = await self._write(_SET_MARGIN_MODE, market, throttle, begin_send, margin_mode=mode.value)
        if self._setting(answer, market).margin_mode != mode:
            raise self._rest.unreadable(answer, "it shows another margin mode than was set")

    async def add_margin(self, market: Market, amount: Decimal, *, throttle: Throttle, begin_send: BeginSend) -> None:
        try:
            text = amount_text(amount)
        except ValueError as exc:
            raise NotSupported(self._rest.venue, f"not supported: {exc}") from exc
        answer = await self._write(_ADD_MARGIN, market, throttle, begin_send, amount=text)
        self._setting(answer, market)

    async def _write(
        self, endpoint: Endpoint, market: Market, throttle: Throttle, begin_send: BeginSend, **terms: Any
    ) -> Answer:
        body = encode({"symbol": market.venue_symbol, **terms})
        return await self._rest.write(endpoint, body, throttle, refused=errors.refused_operation, begin_send=begin_send)

    def _setting(self, answer: Answer, market: Market) -> wire.Setting:
        with self._rest.reading(answer):
            setting = decode(answer.data, type=wire.Setting)
            if setting.symbol != market.venue_symbol:
                raise self._rest.unreadable(answer, "it shows another market than was asked for")
            return setting
