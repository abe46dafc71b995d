"""What a venue keeps beside its orders: settings and withdrawals, with hooks at the moments a test is about."""

import itertools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from adapters.contract import BeginSend, Call, CallKind, SendTime, Throttle
from adapters.errors import InvalidRequest
from adapters.models import (
    Balance,
    LedgerEntry,
    LedgerPage,
    MarginMode,
    Market,
    Position,
    PositionSide,
    Transfer,
    TransferStatus,
    WithdrawalRequest,
)
from tests.gateway.orders.exchange import Exchange, nothing

_WRITE = Call("place", CallKind.ORDER, "account")


@dataclass(slots=True)
class Books:
    """Fulfils `History` of one account: its cursors are numbers of entries read."""

    entries: list[LedgerEntry] = field(default_factory=list)
    asked: list[tuple[int, int]] = field(default_factory=list)

    async def ledger(
        self, since_ms: int, until_ms: int, *, market: Market | None, after: str | None, limit: int, throttle: Throttle
    ) -> LedgerPage:
        self.asked.append((since_ms, until_ms))
        start = 0 if after is None else int(after)
        end = start + limit
        return LedgerPage(self.entries[start:end], str(end) if end < len(self.entries) else None)


@dataclass(slots=True)
class Bank:
    """Fulfils `Positions`, `Capital` and `AccountData` of one account at an exchange."""

    exchange: Exchange
    keeps_client_ids: bool = True
    leverage: int = 1
    mode: MarginMode = MarginMode.CROSS
    margin: Decimal = Decimal(0)
    has_position: bool = True
    sends: list[SendTime] = field(default_factory=list)
    second_factors: list[str | None] = field(default_factory=list)
    out: list[Transfer] = field(default_factory=list)
    before_first_byte: Callable[[], Awaitable[None]] = nothing
    on_arrival: Callable[[], Awaitable[None]] = nothing
    before_answer: Callable[[], Awaitable[None]] = nothing
    numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    async def set_leverage(self, market: Market, leverage: int, *, throttle: Throttle, begin_send: BeginSend) -> None:
        def do() -> None:
            self.leverage = leverage

        await self._write(do, throttle, begin_send)

    async def set_margin_mode(
        self, market: Market, mode: MarginMode, *, throttle: Throttle, begin_send: BeginSend
    ) -> None:
        def do() -> None:
            self.mode = mode

        await self._write(do, throttle, begin_send)

    async def add_margin(self, market: Market, amount: Decimal, *, throttle: Throttle, begin_send: BeginSend) -> None:
        def do() -> None:
            self.margin += amount

        await self._write(do, throttle, begin_send)

    async def withdraw(
        self, request: WithdrawalRequest, second_factor: str | None, *, throttle: Throttle, begin_send: BeginSend
    ) -> Transfer:
        transfer = Transfer(
            venue_id=f"w{next(self.numbers)}",
            asset=request.asset,
            amount=request.amount,
            status=TransferStatus.PENDING,
            created_time_us=0,
            chain=request.chain,
            address=request.address,
            client_id=request.client_id if self.keeps_client_ids else None,
        )

        def do() -> None:
            self.second_factors.append(second_factor)
            self.out.append(replace(transfer, created_time_us=self.exchange.now_ms * 1_000))

        await self._write(do, throttle, begin_send)
        return transfer

    async def withdrawals(self, since_ms: int, throttle: Throttle) -> Sequence[Transfer]:
        await self.exchange.read("withdrawals", throttle)
        return [one for one in reversed(self.out) if one.created_time_us >= since_ms * 1_000]

    async def deposits(self, since_ms: int, throttle: Throttle) -> Sequence[Transfer]:
        return []

    async def balances(self, throttle: Throttle) -> Sequence[Balance]:
        return []

    async def positions(self, throttle: Throttle) -> Sequence[Position]:
        await self.exchange.read("positions", throttle)
        return [self.position()] if self.has_position else []

    def position(self) -> Position:
        return Position(
            venue=self.exchange.name,
            symbol=self.exchange.markets[0].symbol,
            side=PositionSide.LONG,
            quantity=Decimal("1.5"),
            entry_price=Decimal(100),
            mark_price=None,
            liquidation_price=None,
            unrealized_pnl=None,
            realized_pnl=None,
            margin_mode=self.mode,
            leverage=Decimal(self.leverage),
        )

    async def _write(self, do: Callable[[], None], throttle: Throttle, begin_send: BeginSend) -> None:
        async with throttle.grant(_WRITE) as grant:
            send_time = await begin_send()
            await self.before_first_byte()
            grant.start()
            self.sends.append(send_time)
            await self.on_arrival()
            if self.exchange.now_ms > send_time.timestamp_ms + send_time.window_ms:
                grant.answered({})
                raise InvalidRequest(self.exchange.name, "the request has expired", venue_code="EXPIRED")
            do()
            await self.before_answer()
            grant.answered({})
