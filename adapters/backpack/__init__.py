"""Backpack Exchange: builds the venue from its parts. Facts and quirks are in the README beside this file."""

from collections.abc import Mapping

from adapters.backpack.account import BackpackAccountData
from adapters.backpack.limits import limits_with
from adapters.backpack.market_data import BOOK_DEPTHS, TRADES_MAX, BackpackMarketData
from adapters.backpack.order_encoding import (
    ORDER_TYPES,
    SELF_TRADE_PREVENTION,
    TIMES_IN_FORCE,
    TRIGGER_PRICE_TYPES,
    VENUE_PARAMS,
)
from adapters.backpack.rest import Rest
from adapters.backpack.session import PublicSession
from adapters.backpack.signing import CREDENTIAL_FIELDS, Key
from adapters.backpack.stream import BackpackAccountStreams
from adapters.backpack.trading import BackpackTrading
from adapters.common.addresses import checked
from adapters.common.market_streams import MarketStreams
from adapters.contract import (
    BookSource,
    Capabilities,
    Channel,
    Clock,
    Deduplication,
    Endpoints,
    OrderLookup,
    TokenCache,
    Transport,
    Venue,
    VenueAccount,
    VenueSettings,
)
from adapters.models import AccountName

PRODUCTION = Endpoints(rest_url="https://api.backpack.exchange", ws_url="wss://ws.backpack.exchange")

CAPABILITIES = Capabilities(
    channels=frozenset(Channel),
    order_types=ORDER_TYPES,
    times_in_force=frozenset(TIMES_IN_FORCE),
    self_trade_prevention=frozenset(SELF_TRADE_PREVENTION),
    trigger_price_types=frozenset(TRIGGER_PRICE_TYPES),
    venue_params=VENUE_PARAMS,
    market_by_quote_quantity=True,
    reduce_only=True,
    cancel_by_client_id=True,
    deduplication=Deduplication.NONE,
    order_lookup=OrderLookup.RESTING,
    order_window_min_ms=1,
    order_window_max_ms=60_000,
    book_source=BookSource.REST,
    book_depth_max=BOOK_DEPTHS[-1],
    book_keeps_depth=False,
    trades_max=TRADES_MAX,
)


def backpack(settings: VenueSettings, *, transport: Transport, clock: Clock) -> Venue:
    """Build the venue; fulfils `contract.VenueFactory`."""
    endpoints = checked(settings.endpoints or PRODUCTION)

    def rest(transport: Transport, key: Key | None) -> Rest:
        return Rest(
            settings.name,
            endpoints.rest_url,
            transport=transport,
            clock=clock,
            read_timeout_s=settings.read_timeout_s,
            order_timeout_s=settings.order_timeout_s,
            key=key,
        )

    def open_account(
        name: AccountName, credentials: Mapping[str, str], transport: Transport, tokens: TokenCache
    ) -> VenueAccount:
        """Every request is signed by itself: there are no tokens at this venue."""
        del tokens
        key = Key(credentials)
        signed = rest(transport, key)
        return VenueAccount(
            name=name,
            trading=BackpackTrading(signed),
            data=BackpackAccountData(signed),
            streams=BackpackAccountStreams(settings.name, name, key, endpoints.ws_url, clock),
        )

    return Venue(
        name=settings.name,
        capabilities=CAPABILITIES,
        limits=limits_with(settings.limits),
        credential_fields=CREDENTIAL_FIELDS,
        market_data=BackpackMarketData(rest(transport, None)),
        streams=MarketStreams(settings.name, endpoints.ws_url, clock, PublicSession),
        open_account=open_account,
    )
