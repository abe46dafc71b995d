"""Public shapes of what an account holds."""

from collections.abc import Mapping
from typing import Self

from adapters import models
from gateway.api.bodies import Plain, Shape
from gateway.journal.holding import Holding


class AccountShape(Shape):
    account: str
    venue: str
    access: str
    """`own`: the client's own orders; `account`: all of them."""


class Balance(Shape):
    asset: str
    available: Plain
    locked: Plain
    total: Plain

    @classmethod
    def of(cls, balance: models.Balance) -> Self:
        return cls.model_validate(_fields(Balance, balance))


class Position(Shape):
    venue: str
    symbol: str
    side: str
    quantity: Plain
    entry_price: Plain
    mark_price: Plain | None
    liquidation_price: Plain | None
    unrealized_pnl: Plain | None
    realized_pnl: Plain | None
    margin_mode: str
    leverage: Plain | None

    @classmethod
    def of(cls, position: models.Position) -> Self:
        return cls.model_validate(_fields(Position, position))


class Orphan(Shape):
    """An order that no record knows, as the venue showed it when it was last compared."""

    venue: str
    symbol: str
    venue_order_id: str
    venue_client_id: str | None
    side: str
    type: str
    status: str
    quantity: Plain | None
    filled_quantity: Plain
    price: Plain | None
    created_at: int

    @classmethod
    def of(cls, order: models.VenueOrder) -> Self:
        members = {name: getattr(order, name) for name in cls.model_fields if name != "created_at"}
        return cls.model_validate({**members, "created_at": order.created_time_us // 1_000})


def holding_body(holding: Holding, venue: models.VenueName) -> dict[str, object]:
    """A balance or position as an event tells it; one that is closed has the quantity 0, and nothing else is known."""
    body: Mapping[str, object]
    if isinstance(holding.held, models.Balance):
        body = Balance.of(holding.held).model_dump(mode="json")
    elif holding.held is not None:
        body = Position.of(holding.held).model_dump(mode="json")
    else:
        body = {**dict.fromkeys(Position.model_fields), "venue": venue, "symbol": holding.name, "quantity": "0"}
    return {**body, "venue_time_us": holding.venue_time_us}


def _fields(shape: type[Shape], value: models.Balance | models.Position) -> dict[str, object]:
    return {name: getattr(value, name) for name in shape.model_fields}
