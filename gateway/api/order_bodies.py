"""Public shapes of orders."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints

from adapters import models
from adapters.models import (
    AccountName,
    OrderOptions,
    OrderStatus,
    OrderType,
    SelfTradePrevention,
    Side,
    TimeInForce,
    TriggerPriceType,
)
from gateway.api.bodies import Body, Number, Plain, Shape, TimeMs
from gateway.errors import Code, Outcome, Refusal
from gateway.orders.new_order import NewOrder
from gateway.orders.record import OrderRecord, State

ClientOrderId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Label = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:-]{1,64}$")]
_NAME = Field(min_length=1, max_length=64)

# Strict bodies take enums as members, not as text; these take the text.
_ENUM = Field(strict=False)

_UNSUPPORTED = {
    "trigger_quantity": "the size of an order that waits for a trigger is its `quantity`",
    "take_profit": "no venue here has brackets; place a take_profit order",
    "stop_loss": "no venue here has brackets; place a stop_market order",
}
"""Members of the contract that no venue here supports, and what to do instead."""


class PlaceOrder(Body):
    account: Annotated[str, _NAME]
    symbol: Annotated[str, _NAME]
    side: Annotated[Side, _ENUM]
    type: Annotated[OrderType, _ENUM]
    client_order_id: ClientOrderId | None = None
    """The idempotency key: unique per client and account."""
    quantity: Number | None = None
    """In base units; either this or `quote_quantity`."""
    quote_quantity: Number | None = None
    price: Number | None = None
    time_in_force: Annotated[TimeInForce | None, _ENUM] = None
    reduce_only: bool = False
    self_trade_prevention: Annotated[SelfTradePrevention | None, _ENUM] = None
    valid_until: TimeMs | None = None
    """Until when it may still be sent, ms; by default 10 s ahead."""
    max_wait_ms: Annotated[int | None, Field(ge=0, le=60_000)] = None
    """How long it may wait for the venue's budget; 0 refuses at once."""
    labels: Annotated[list[Label], Field(max_length=8, default_factory=list)]
    on_unknown: Annotated[str | None, StringConstraints(pattern="^(report|cancel)$")] = None
    expire_time: TimeMs | None = None
    """When a GTT order ends, ms."""
    stop_price: Number | None = None
    """The price at which a stop or take-profit order comes to life."""
    trigger_price_type: Annotated[TriggerPriceType | None, _ENUM] = None
    """Which price `stop_price` is compared with; by default as the venue has it."""
    callback_rate: Number | None = None
    """How far a trailing stop follows behind the best price, as a share of it."""
    activation_price: Number | None = None
    visible_quantity: Number | None = None
    """How much of an iceberg is shown at a time."""
    venue_params: Annotated[dict[str, bool | str], Field(max_length=16, default_factory=dict)]
    """The venue's own parameters by its own names; `GET /v1/venues` lists them."""
    trigger_quantity: Any = None
    take_profit: Any = None
    stop_loss: Any = None

    def to_order(self, *, client_order_id_required: bool, new_id: str, max_wait_s: float | None) -> NewOrder:
        """The order it asks for.

        Raises `Refusal` for a member that no venue supports, or a missing client_order_id.
        """
        for name, instead in _UNSUPPORTED.items():
            if getattr(self, name) is not None:
                raise _unsupported(name, instead)
        if self.on_unknown == "cancel":
            raise _unsupported("on_unknown", "only `report` is supported", supported=["report"])
        if self.client_order_id is None and client_order_id_required:
            raise Refusal(
                Code.INVALID_PARAMETER,
                "client_order_id is required: without one, a retry would be a second order",
                field="client_order_id",
                outcome=Outcome.NOT_SENT,
            )
        return NewOrder(
            account=AccountName(self.account),
            symbol=self.symbol,
            side=self.side,
            type=self.type,
            client_order_id=self.client_order_id or new_id,
            quantity=self.quantity,
            quote_quantity=self.quote_quantity,
            price=self.price,
            time_in_force=self.time_in_force,
            reduce_only=self.reduce_only,
            self_trade_prevention=self.self_trade_prevention,
            options=OrderOptions(
                stop_price=self.stop_price,
                trigger_price_type=self.trigger_price_type,
                callback_rate=self.callback_rate,
                activation_price=self.activation_price,
                visible_quantity=self.visible_quantity,
                expire_time_ms=self.expire_time,
                venue_params=self.venue_params,
            ),
            labels=tuple(self.labels),
            valid_until_ms=self.valid_until,
            max_wait_s=max_wait_s if self.max_wait_ms is None else self.max_wait_ms / 1000,
        )


def _unsupported(field: str, instead: str, supported: list[str] | None = None) -> Refusal:
    return Refusal(
        Code.NOT_SUPPORTED,
        f"{field} is not supported: {instead}",
        field=field,
        details={"supported": supported or []},
        outcome=Outcome.NOT_SENT,
    )


class Validated(Shape):
    """Nothing was found wrong with the order."""

    valid: Literal[True] = True


class Fill(Shape):
    """One of our own trades."""

    trade_id: str
    order_id: str
    account: str
    venue: str
    symbol: str
    venue_order_id: str
    side: Side
    price: Plain
    quantity: Plain
    fee: Plain
    """Positive when paid, negative when a rebate."""
    fee_asset: str
    liquidity: str
    timestamp: int
    venue_time_us: int

    @classmethod
    def of(cls, fill: models.Fill, *, account: str, order_id: str) -> Self:
        return cls(
            trade_id=fill.trade_id,
            order_id=order_id,
            account=account,
            venue=fill.venue,
            symbol=fill.symbol,
            venue_order_id=fill.venue_order_id,
            side=fill.side,
            price=fill.price,
            quantity=fill.quantity,
            fee=fill.fee,
            fee_asset=fill.fee_asset,
            liquidity=fill.liquidity,
            timestamp=fill.venue_time_us // 1_000,
            venue_time_us=fill.venue_time_us,
        )


class UnknownState(Shape):
    """What is being done about an order whose fate is not known."""

    since: int | None
    settles_by: int
    stuck: bool = False
    evidence: str | None


class CancelProgress(Shape):
    state: str
    at: int | None


class Order(Shape):
    order_id: str
    client_order_id: str | None
    account: str
    venue: str
    symbol: str
    venue_order_id: str | None
    client: str
    side: Side
    type: OrderType
    quantity: Plain | None
    quote_quantity: Plain | None
    price: Plain | None
    time_in_force: TimeInForce
    reduce_only: bool
    self_trade_prevention: SelfTradePrevention | None
    stop_price: Plain | None
    trigger_price_type: TriggerPriceType | None
    callback_rate: Plain | None
    activation_price: Plain | None
    visible_quantity: Plain | None
    expire_time: int | None
    venue_params: dict[str, bool | str]
    status: str
    """pending, partial_filled, filled, cancelled, expired, rejected, or unknown."""
    stage: str
    """queued, sending, live or done."""
    version: int
    reason: str | None
    filled_quantity: Plain
    remaining_quantity: Plain | None
    average_price: Plain | None
    unknown: UnknownState | None
    cancel: CancelProgress | None
    labels: list[str]
    valid_until: int
    created_at: int
    updated_at: int

    @classmethod
    def of(cls, record: OrderRecord, *, settles_by_ms: int) -> Self:
        intent, result, options = record.intent, record.result, record.intent.options
        remaining = None if intent.quantity is None else intent.quantity - result.filled_quantity
        is_unknown = record.state is State.UNKNOWN
        return cls(
            order_id=intent.order_id,
            client_order_id=intent.client_order_id,
            account=intent.account,
            venue=intent.venue,
            symbol=intent.symbol,
            venue_order_id=result.venue_order_id,
            client=intent.owner,
            side=intent.side,
            type=intent.type,
            quantity=intent.quantity,
            quote_quantity=intent.quote_quantity,
            price=intent.price,
            time_in_force=intent.time_in_force,
            reduce_only=intent.reduce_only,
            self_trade_prevention=intent.self_trade_prevention,
            stop_price=options.stop_price,
            trigger_price_type=options.trigger_price_type,
            callback_rate=options.callback_rate,
            activation_price=options.activation_price,
            visible_quantity=options.visible_quantity,
            expire_time=options.expire_time_ms,
            venue_params=dict(options.venue_params),
            status=status_of(record),
            stage=_STAGES[record.state],
            version=record.version,
            reason=result.reason,
            filled_quantity=result.filled_quantity,
            remaining_quantity=remaining,
            average_price=result.average_price,
            unknown=UnknownState(since=result.unknown_since_ms, settles_by=settles_by_ms, evidence=result.unknown_cause)
            if is_unknown
            else None,
            cancel=None if result.cancel is None else CancelProgress(state=result.cancel, at=result.cancel_ms),
            labels=list(intent.labels),
            valid_until=intent.valid_until_ms,
            created_at=record.created_ms,
            updated_at=record.updated_ms,
        )


_STAGES = {
    State.CLAIMED: "queued",
    State.SENT: "sending",
    State.UNKNOWN: "sending",
    State.LIVE: "live",
    State.DONE: "done",
    State.NOT_SENT: "done",
}


def status_of(record: OrderRecord) -> str:
    """The order's public status."""
    if record.state is State.UNKNOWN:
        return "unknown"
    return record.result.status or OrderStatus.PENDING
