"""The contract between a venue and whoever uses it.

A venue is data (capabilities, limits) plus small facets. A missing facet is None, rather than methods that raise.
What an adapter asks of its user arrives as Protocols: a throttle, a clock, a transport.

Promises every facet keeps:

- A call ends in an answer or in one class of `adapters.errors`; no other exception gets out, cancellation apart.
- A write is sent at most once per call; nothing here repeats it.
- Timestamp and signature are made after the throttle's grant, never before.
- Methods may be called concurrently.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

import httpx

from adapters.models import (
    AccountName,
    Balance,
    BookSnapshot,
    Fill,
    Market,
    OrderRequest,
    OrderType,
    Position,
    SelfTradePrevention,
    StreamEvent,
    Ticker,
    TimeInForce,
    Trade,
    TriggerPriceType,
    VenueClientId,
    VenueName,
    VenueOrder,
)

# --- what a venue can do, as data


class Channel(StrEnum):
    TICKER = "ticker"
    ORDERBOOK = "orderbook"
    TRADES = "trades"


class Deduplication(StrEnum):
    """What the venue does with an order whose client id it has seen before."""

    NONE = "none"
    """It places a second order: a retry is the dangerous act."""
    FOREVER = "forever"
    """It answers with the existing order: a retry is a query."""


class OrderLookup(StrEnum):
    """Which orders a query by client id sees."""

    RESTING = "resting"
    """Only those on the book: "not found" proves nothing about a filled or expired one."""
    ALL = "all"


class ParamKind(StrEnum):
    """What a venue's own parameter of an order holds."""

    BOOLEAN = "boolean"
    DECIMAL = "decimal"


class BookSource(StrEnum):
    """Where the snapshot under a book's deltas comes from."""

    REST = "rest"
    STREAM = "stream"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a venue can do: served to clients, and checked before any budget is spent."""

    channels: frozenset[Channel]
    order_types: frozenset[OrderType]
    times_in_force: frozenset[TimeInForce]
    self_trade_prevention: frozenset[SelfTradePrevention]
    trigger_price_types: frozenset[TriggerPriceType]
    venue_params: Mapping[str, ParamKind | tuple[str, ...]]
    """Of orders, by the venue's own names: what each holds, or which words."""
    market_by_quote_quantity: bool
    reduce_only: bool
    cancel_by_client_id: bool
    deduplication: Deduplication
    order_lookup: OrderLookup
    order_window_min_ms: int
    order_window_max_ms: int
    """How long after its send time the venue may still accept a signed order: what a signature can ask for. Equal where
    the venue has one window for all."""
    book_source: BookSource
    book_depth_max: int
    book_keeps_depth: bool
    """The stream itself keeps the book at its depth: a level that is pushed out is removed, one that moves in comes
    whole. False: deltas concern the whole book, and a snapshot may show only part of it."""
    trades_max: int


# --- limits, as data


class CallKind(StrEnum):
    """What a call is for: the limiter's priority, most urgent first."""

    CANCEL = "cancel"
    ORDER = "order"
    ACCOUNT_READ = "account_read"
    MARKET_READ = "market_read"


class LimitScope(StrEnum):
    IP = "ip"
    """Counted per address our requests leave from, whoever they are for."""
    ACCOUNT = "account"


@dataclass(frozen=True, slots=True)
class LimitRule:
    """One limit as the venue counts it: at most `limit` units in a window of `period_ms`."""

    name: str
    scope: LimitScope
    limit: int
    period_ms: int


@dataclass(frozen=True, slots=True)
class Call:
    """One kind of request: its priority, and the class that `Limits.debits` prices."""

    name: str
    kind: CallKind
    cost_class: str


@dataclass(frozen=True, slots=True)
class LimitHeaders:
    """Headers in which a venue tells how much is left, in lower case: of the rule that has this limit."""

    limit: str
    remaining: str
    reset_unix_s: str
    """When the window ends, by the venue's clock; rounded up."""


@dataclass(frozen=True, slots=True)
class Limits:
    """A venue's limits: its rules, and for each cost class the rules it debits with how many units."""

    rules: tuple[LimitRule, ...]
    debits: Mapping[str, tuple[tuple[str, int], ...]]
    calls: tuple[Call, ...] = ()
    """The calls there are."""
    headers: LimitHeaders | None = None
    tiers: tuple[Mapping[str, int], ...] = ()
    """For each tier above the ordinary one, by rule: how many times the limit its accounts have."""


# --- what an adapter asks of its user


class Grant(Protocol):
    """Leave to send one request, good for a short time only."""

    def start(self) -> None:
        """Say that the first byte is about to go.

        Raises `GrantExpired` if the grant has grown too old; nothing is sent then.
        """

    def answered(self, headers: Mapping[str, str]) -> None:
        """Say that the venue has answered; its headers may carry its own view of the budget."""

    def refused(self, retry_after_s: float | None, *, is_ban: bool = False) -> None:
        """Say that the venue answered with "too many requests"; `is_ban`: it will hear no more from this address."""


class Throttle(Protocol):
    """The budget, as one caller sees it: bound to who asks, and to how long it may wait."""

    def grant(self, call: Call) -> AbstractAsyncContextManager[Grant]:
        """Wait for leave to make `call`, and give back on exit what was not used.

        A block left before `start` costs nothing; left without `answered`, its units count as in flight until the
        hard timeout has passed.
        """


@dataclass(frozen=True, slots=True)
class Token:
    """A venue's bearer token; `expires_us` by the venue's clock, `lifetime_us` from its issue to that."""

    value: str = field(repr=False)
    expires_us: int
    lifetime_us: int


FetchToken = Callable[[], Awaitable[Token]]


class TokenCache(Protocol):
    """One account's token, shared by the whole fleet."""

    async def get(self, fetch: FetchToken) -> str:
        """A token good for now; `fetch` logs in, and is called by one caller in the fleet at a time, if by any.

        Raises what `fetch` raises.
        """

    async def refused(self, token: str) -> None:
        """The venue refused `token`: the next `get` brings another, unless somebody has renewed it meanwhile."""


class Clock(Protocol):
    """Time as the venue's clock would show it."""

    def venue_time_ms(self) -> int:
        """Milliseconds since the epoch, corrected by the measured offset."""

    def time_us(self) -> int:
        """Our own time, microseconds since the epoch: for stamping what we receive."""

    def doubt(self) -> None:
        """The venue called our time wrong: measure the offset anew, soon."""


class Transport(Protocol):
    """Sends one HTTP request over a kept connection; `httpx.AsyncBaseTransport` has this shape."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send and read the answer.

        Raises `httpx.ConnectError`, `ConnectTimeout` or `PoolTimeout` only if no byte was sent; any other
        `httpx.TransportError` means that the request may have arrived. Never repeats a request.
        """


@dataclass(frozen=True, slots=True)
class SendTime:
    """When a write is signed for, in the venue's time, and how long the venue may still accept it."""

    timestamp_ms: int
    window_ms: int


BeginSend = Callable[[], Awaitable[SendTime]]
"""Called once between grant and signature: fixes the send time durably. What it raises is passed on, unsent."""


# --- the facets


class MarketData(Protocol):
    """Public reads."""

    async def server_time_ms(self, throttle: Throttle) -> int: ...

    async def markets(self, throttle: Throttle) -> Sequence[Market]: ...

    async def ticker(self, market: Market, throttle: Throttle) -> Ticker: ...

    async def order_book(self, market: Market, depth: int, throttle: Throttle) -> BookSnapshot:
        """The best `depth` levels of each side or more, straight from the venue's engine."""

    async def trades(self, market: Market, limit: int, throttle: Throttle) -> Sequence[Trade]:
        """Newest first."""


class Stream(Protocol):
    """One connection that keeps itself up; wishes survive reconnects.

    Iterating gives events in the order the venue sent them. After every (re)connection comes a
    `ChannelState(CONNECTED)`, after every loss a `ChannelState(DISCONNECTED)`; it ends only when its block is left.
    """

    def subscribe(self, channel: Channel, market: Market) -> None: ...

    def unsubscribe(self, channel: Channel, market: Market) -> None: ...

    def __aiter__(self) -> AsyncIterator[StreamEvent]: ...


class Streams(Protocol):
    """Live market data."""

    def connect(self) -> AbstractAsyncContextManager[Stream]: ...


class Trading(Protocol):
    """Orders of one account."""

    def client_id(self, digest: bytes) -> VenueClientId:
        """Turn 32 bytes of a keyed digest into an id the venue accepts; the same bytes give the same id for ever."""

    def encode(self, request: OrderRequest) -> bytes:
        """The exact body `place` will send; raises `NotSupported` for what the venue cannot do."""

    async def place(
        self, request: OrderRequest, body: bytes, *, throttle: Throttle, begin_send: BeginSend
    ) -> VenueOrder:
        """Send `body` (from `encode`) once, and check that the answer echoes `request`.

        Raises `DefiniteNo` only for refusals on the venue's list of codes that mean "not placed", `NeverSent` if
        nothing left, `OutcomeUnknown` or `VenueProtocolError` for everything else.
        """

    async def cancel(self, market: Market, venue_client_id: VenueClientId, throttle: Throttle) -> VenueOrder | None:
        """Cancel by our client id; safe to repeat. None: the venue took it and does not yet say it is done.

        Raises `OrderNotFound` if no such order rests.
        """

    async def order(self, market: Market, venue_client_id: VenueClientId, throttle: Throttle) -> VenueOrder:
        """The order, as far as the venue looks (`Capabilities.order_lookup`); raises `OrderNotFound`."""

    async def open_orders(self, market: Market | None, throttle: Throttle) -> Sequence[VenueOrder]: ...

    async def order_history(self, market: Market, since_ms: int, throttle: Throttle) -> Sequence[VenueOrder]:
        """Orders of every state created at or after `since_ms`, paged to the end. It may lag behind the engine."""

    async def fills(self, market: Market, since_ms: int, throttle: Throttle) -> Sequence[Fill]:
        """Our trades at or after `since_ms`, paged to the end. They may lag behind the engine."""


class AccountData(Protocol):
    """What one account holds."""

    async def balances(self, throttle: Throttle) -> Sequence[Balance]: ...

    async def positions(self, throttle: Throttle) -> Sequence[Position]: ...


class AccountStreams(Protocol):
    """Live events of one account.

    They come in the order the venue sent them, with a `ChannelState` at every (re)connection and loss; what happened
    in between is not told again.
    """

    def connect(self, throttle: Throttle) -> AbstractAsyncContextManager[AsyncIterator[StreamEvent]]:
        """Keep a connection for the length of the block; `throttle` pays for logins where the venue has tokens."""


@dataclass(frozen=True, slots=True)
class VenueAccount:
    """One account at a venue, opened with its credentials."""

    name: AccountName
    trading: Trading | None = None
    data: AccountData | None = None
    streams: AccountStreams | None = None
    log_in: Callable[[Throttle], Awaitable[Token]] | None = None
    """Fetches a new token, so that it can be renewed ahead of its expiry; None where the venue has no tokens."""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where a venue is reached."""

    rest_url: str
    ws_url: str


@dataclass(frozen=True, slots=True)
class Venue:
    """A venue, ready for use."""

    name: VenueName
    capabilities: Capabilities
    limits: Limits
    credential_fields: frozenset[str]
    market_data: MarketData
    streams: Streams
    open_account: Callable[[AccountName, Mapping[str, str], Transport, TokenCache], VenueAccount]
    """Raises `ValueError`, naming the field, for credentials that cannot be right."""


@dataclass(frozen=True, slots=True)
class VenueSettings:
    """What a venue is built from."""

    name: VenueName
    endpoints: Endpoints | None = None
    """None: the venue's own addresses of the environment."""
    environment: str = "production"
    """One of the venue's own environments; its rules (a testnet without limits) hold at any endpoints."""
    read_timeout_s: float = 5.0
    order_timeout_s: float = 1.5
    limits: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Overrides by rule name: (limit, period in ms)."""


class VenueFactory(Protocol):
    """How the registry makes a venue. Raises `ValueError`, naming the setting, for settings that cannot be right."""

    def __call__(self, settings: VenueSettings, *, transport: Transport, clock: Clock) -> Venue: ...
