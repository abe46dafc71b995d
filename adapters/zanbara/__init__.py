"""ZanbaraX perpetuals: builds the venue from its parts. Facts and quirks are in the README beside this file."""

from collections.abc import Mapping

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
from adapters.zanbara.account import ZanbaraAccountData
from adapters.zanbara.limits import limits_of
from adapters.zanbara.market_data import TRADES_MAX, ZanbaraMarketData
from adapters.zanbara.order_encoding import (
    ORDER_TYPES,
    SELF_TRADE_PREVENTION,
    TIMES_IN_FORCE,
    TRIGGER_PRICE_TYPES,
)
from adapters.zanbara.rest import WINDOW_MS, Access, Rest
from adapters.zanbara.session import BOOK_DEPTH_MAX, PublicSession
from adapters.zanbara.signing import CREDENTIAL_FIELDS, Key
from adapters.zanbara.stream import ASK_EVERY_S, ZanbaraAccountStreams
from adapters.zanbara.trading import ZanbaraTrading

ENVIRONMENTS = {
    "production": Endpoints(rest_url="https://api.zanbarax.com", ws_url="wss://ws.zanbarax.com"),
    "testnet": Endpoints(rest_url="https://testnet-api.zanbarax.com", ws_url="wss://testnet-ws.zanbarax.com"),
}
"""The production address of the streams is inferred from the test network's."""

CAPABILITIES = Capabilities(
    channels=frozenset(Channel),
    order_types=ORDER_TYPES,
    times_in_force=TIMES_IN_FORCE,
    self_trade_prevention=SELF_TRADE_PREVENTION,
    trigger_price_types=TRIGGER_PRICE_TYPES,
    venue_params={},
    market_by_quote_quantity=False,
    reduce_only=True,
    cancel_by_client_id=True,
    deduplication=Deduplication.FOREVER,
    order_lookup=OrderLookup.ALL,
    order_window_min_ms=WINDOW_MS,
    order_window_max_ms=WINDOW_MS,
    book_source=BookSource.STREAM,
    book_depth_max=BOOK_DEPTH_MAX,
    book_keeps_depth=True,
    trades_max=TRADES_MAX,
)


def zanbara(settings: VenueSettings, *, transport: Transport, clock: Clock) -> Venue:
    """Build the venue; fulfils `contract.VenueFactory`."""
    if settings.environment not in ENVIRONMENTS:
        raise ValueError(f"environment: zanbara has no {settings.environment!r}, only {', '.join(ENVIRONMENTS)}")
    endpoints = checked(settings.endpoints or ENVIRONMENTS[settings.environment])

    def rest(transport: Transport, access: Access | None) -> Rest:
        return Rest(
            settings.name,
            endpoints.rest_url,
            transport=transport,
            clock=clock,
            read_timeout_s=settings.read_timeout_s,
            order_timeout_s=settings.order_timeout_s,
            access=access,
        )

    def open_account(
        name: AccountName, credentials: Mapping[str, str], transport: Transport, tokens: TokenCache
    ) -> VenueAccount:
        private = rest(transport, Access(Key(credentials), tokens))
        return VenueAccount(
            name=name,
            trading=ZanbaraTrading(private),
            data=ZanbaraAccountData(private),
            streams=ZanbaraAccountStreams(name, private, tokens, endpoints.ws_url),
            log_in=private.log_in,
        )

    return Venue(
        name=settings.name,
        capabilities=CAPABILITIES,
        limits=limits_of(settings.environment, settings.limits),
        credential_fields=CREDENTIAL_FIELDS,
        market_data=ZanbaraMarketData(rest(transport, None)),
        streams=MarketStreams(settings.name, endpoints.ws_url, clock, PublicSession, ask_every_s=ASK_EVERY_S),
        open_account=open_account,
    )
