"""`/v1/accounts/{account}/risk`: the limits of whoever asks, and what counts against them."""

from typing import Self

from fastapi import APIRouter
from starlette.responses import Response

from gateway.api.answers import ERRORS, ok
from gateway.api.bodies import Answer, Plain, Shape
from gateway.api.deps import Reader, TheServices
from gateway.risk.ledger import Use
from gateway.risk.limits import Level, amount

router = APIRouter(prefix="/v1/accounts", tags=["accounts"], responses=ERRORS)


class RateShape(Shape):
    count: int
    period_ms: int


class LimitsShape(Shape):
    """Null: not limited."""

    max_quantity: Plain | None
    max_notional: Plain | None
    max_open_orders: int | None
    daily_notional: Plain | None
    price_band: Plain | None
    order_rate: RateShape | None
    allowed_symbols: list[str] | None


class UseShape(Shape):
    open_orders: int
    daily_notional: Plain
    """Traded today, and what open orders may still trade."""
    traded_today: Plain
    orders_in_period: int


class LevelShape(Shape):
    level: str
    """desk, client, account or market."""
    name: str
    limits: LimitsShape
    use: UseShape

    @classmethod
    def of(cls, level: Level, use: Use) -> Self:
        limits, rate = level.limits, level.limits.order_rate
        return cls(
            level=level.kind,
            name=level.name,
            limits=LimitsShape(
                max_quantity=limits.max_quantity,
                max_notional=limits.max_notional,
                max_open_orders=limits.max_open_orders,
                daily_notional=limits.daily_notional,
                price_band=limits.price_band,
                order_rate=None if rate is None else RateShape(count=rate.count, period_ms=rate.period_ms),
                allowed_symbols=None if limits.allowed_symbols is None else sorted(limits.allowed_symbols),
            ),
            use=UseShape(
                open_orders=use.open_orders,
                daily_notional=amount(use.reserved_units + use.traded_units),
                traded_today=amount(use.traded_units),
                orders_in_period=use.orders_in_period,
            ),
        )


@router.get("/{account}/risk", response_model=Answer[list[LevelShape]])
async def risk(the: TheServices, client: Reader, account: str) -> Response:
    """The limits of this client's desk, of itself, of the account and of the venue's markets that have any.

    What counts is counted only where a level has a limit that other orders have a part in.
    """
    found = the.accounts.get(account, client)
    state = await the.risk.state(client.name, found.name, list(the.markets.of(found.venue.name)))
    return ok(list[LevelShape], [LevelShape.of(level, use) for level, use in state])
