from collections.abc import AsyncIterator, Iterator
from typing import cast

import pytest

from adapters.common.transport import HttpTransport
from adapters.contract import VenueSettings
from adapters.models import AccountName, VenueName
from adapters.registry import FACTORIES
from tests.adapters.doubles import RecordingThrottle, SystemClock
from tests.adapters.memory_tokens import MemoryTokens
from tests.adapters.sandboxed import Sandbox, running_sandbox
from tests.contract.venues import TWINS, Rig, Twin


@pytest.fixture(scope="module", params=TWINS, ids=lambda twin: cast("Twin", twin).adapter)
def started(request: pytest.FixtureRequest) -> Iterator[tuple[Twin, Sandbox]]:
    twin: Twin = request.param
    with running_sandbox(twin.adapter, *twin.arguments) as sandbox:
        yield twin, sandbox


@pytest.fixture
async def rig(started: tuple[Twin, Sandbox]) -> AsyncIterator[Rig]:
    twin, sandbox = started
    transport = HttpTransport()
    settings = VenueSettings(VenueName("main"), sandbox.endpoints, order_timeout_s=1.0)
    venue = FACTORIES[twin.adapter](settings, transport=transport, clock=SystemClock())
    rich, poor = (
        venue.open_account(AccountName(name), sandbox.credentials[name], transport, MemoryTokens())
        for name in (twin.rich, twin.poor)
    )
    markets = {market.symbol: market for market in await venue.market_data.markets(RecordingThrottle())}
    yield Rig(twin, sandbox, venue, rich, poor, next(markets[name] for name in markets if name == twin.symbol))
    await transport.aclose()
