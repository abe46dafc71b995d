import pytest

from adapters.common.transport import HttpTransport
from adapters.contract import Endpoints, VenueSettings
from adapters.models import VenueName
from adapters.registry import FACTORIES
from tests.adapters.doubles import FixedClock


@pytest.mark.parametrize("adapter", FACTORIES)
def test_every_adapter_builds_a_venue_with_production_addresses(adapter: str) -> None:
    venue = FACTORIES[adapter](VenueSettings(VenueName("main")), transport=HttpTransport(), clock=FixedClock())
    assert venue.name == "main"
    assert venue.credential_fields
    priced = {name for debits in venue.limits.debits.values() for name, _ in debits}
    assert priced <= {rule.name for rule in venue.limits.rules}


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        (VenueSettings(VenueName("x"), Endpoints("api.example", "wss://ws.example")), "rest_url"),
        (VenueSettings(VenueName("x"), Endpoints("https://api.example", "https://ws.example")), "ws_url"),
        (VenueSettings(VenueName("x"), limits={"no such rule": (1, 1)}), "no such rule"),
    ],
)
@pytest.mark.parametrize("adapter", FACTORIES)
def test_settings_that_cannot_be_right_are_named(adapter: str, settings: VenueSettings, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        FACTORIES[adapter](settings, transport=HttpTransport(), clock=FixedClock())
