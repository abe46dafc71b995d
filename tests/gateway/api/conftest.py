"""One running gateway for all tests of the REST edge, over a venue whose truth is known."""

import hashlib
from collections.abc import AsyncIterator, Iterator, MutableMapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
import pytest_asyncio

from adapters.contract import Clock, Transport, Venue, VenueSettings
from adapters.models import VenueName
from adapters.registry import FACTORIES
from gateway.settings import Settings
from tests.gateway.api.running import SEED, Running, running
from tests.gateway.orders.exchange import Exchange, market
from tests.redis_process import RedisProcess

VENUE = VenueName("sim")


SIGNERS_KEY = "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="
"""The public half of the key whose private seed is `SEED`."""


def secret_of(client: str) -> str:
    return f"secret-of-{client}"


def _client(name: str, *scopes: str, **more: Any) -> dict[str, Any]:
    return {
        "scopes": scopes,
        "accounts": {"main": "own"},
        "key_sha256": [hashlib.sha256(secret_of(name).encode()).hexdigest()],
        **more,
    }


def settings_for(directory: Path, redis_url: str, **changes: Any) -> Settings:
    """A small firm: its secrets are files in `directory`."""
    for name in ("seed", "secret"):
        (directory / name).write_text(SEED)
    seed = {"file": directory / "seed"}
    address = {"asset": "USDC", "chain": "solana", "address": "treasury-address"}
    main = {
        "venue": VENUE,
        "credentials": {"api_secret": {"file": directory / "secret"}},
        "withdrawals": {"addresses": {"treasury": address}},
    }
    values: dict[str, Any] = {
        "redis": {"url": redis_url},
        "keys": {"tokens": [seed], "ids": seed},
        "server": {"client_requests_per_s": 100_000, "port": 0},
        "auth": {"trusted_proxies": ["192.0.2.1"]},
        "venues": {VENUE: {}},
        "accounts": {
            name: {"venue": VENUE, "credentials": {"api_secret": {"file": directory / "secret"}}}
            for name in ("main", "second")
        }
        | {"main": main},
        "clients": {
            "bot": _client("bot", "read", "trade"),
            "other": _client("other", "read", "trade"),
            "reader": _client("reader", "read"),
            "canceller": _client("canceller", "cancel", accounts={"main": "account"}),
            "boss": _client("boss", "read", accounts={"main": "account"}),
            "both": _client("both", "read", accounts={"main": "own", "second": "own"}),
            "auditor": _client("auditor", "admin", accounts={}),
            "homeless": _client("homeless", "read", "trade", accounts={}),
            "signer": {"scopes": ["read", "trade"], "accounts": {"main": "own"}, "signing_key": SIGNERS_KEY},
            "strict": _client("strict", "read", "trade", signing_key=SIGNERS_KEY, sign_writes=True),
            "banker": _client(
                "banker", "read", "withdraw", accounts={"main": "own", "second": "own"}, signing_key=SIGNERS_KEY
            ),
            "fenced": _client("fenced", "read", "trade", ip_allow=["198.51.100.0/24"]),
        },
        "limiter": {"assume_unspent": True},
        "orders": {"assume_none_sent": True},
    }
    return Settings(**(values | changes))


@asynccontextmanager
async def gateway_on(settings: Settings, redis_url: str, exchange: Exchange) -> AsyncIterator[Running]:
    def factory(_settings: VenueSettings, *, transport: Transport, clock: Clock) -> Venue:
        return exchange.venue()

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(cast("MutableMapping[str, Any]", FACTORIES), exchange.name, factory)
        async with running(settings, redis_url, exchange) as gateway:
            yield gateway


def new_exchange() -> Exchange:
    return Exchange(VENUE, markets=[market(VENUE), market(VENUE, "BTC-USDC"), market(VENUE, "ETH-USDT")])


@pytest.fixture(scope="session")
def api_redis() -> Iterator[RedisProcess]:
    with RedisProcess() as redis:
        yield redis


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def gateway(api_redis: RedisProcess, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    settings = settings_for(tmp_path_factory.mktemp("firm"), api_redis.url)
    async with gateway_on(settings, api_redis.url, new_exchange()) as started:
        yield started
        assert started.internal_errors == []
