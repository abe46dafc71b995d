import pytest

from adapters.zanbara.limits import PLACE, TICKER
from adapters.zanbara.requests import Endpoint, Requests
from adapters.zanbara.signing import Key
from tests.adapters.zanbara.samples import CREDENTIALS, golden

TICKER_ENDPOINT = Endpoint("GET", "/v1/market/ticker/{symbol}", TICKER)
LIST_ENDPOINT = Endpoint("GET", "/v1/order/list", PLACE, is_private=True)
PLACE_ENDPOINT = Endpoint("POST", "/v1/order/place", PLACE, is_private=True)


@pytest.mark.parametrize("url", ["https://venue.example/proxy", "https://venue.example/proxy/"])
def test_an_address_may_have_a_path_of_its_own_which_is_not_signed(url: str) -> None:
    request = Requests(url).read(TICKER_ENDPOINT.of("SOL-PERP"), {"depth": 5}, None)
    assert str(request.url) == "https://venue.example/proxy/v1/market/ticker/SOL-PERP?depth=5"
    assert request.headers["host"] == "venue.example"
    vector = golden("signing")[1]
    write = Requests(url).write(
        PLACE_ENDPOINT, vector["body"].encode(), Key(CREDENTIALS), "t", timestamp_ms=vector["timestamp"]
    )
    assert write.headers["x-api-signature"] == vector["signature"]


def test_a_symbol_cannot_leave_its_place_in_the_path() -> None:
    request = Requests("https://venue.example").read(TICKER_ENDPOINT.of("../../account/balance?x=1#"), {}, None)
    assert request.url.raw_path == b"/v1/market/ticker/..%2F..%2Faccount%2Fbalance%3Fx%3D1%23"


def test_public_requests_carry_nothing_of_an_account() -> None:
    request = Requests("https://venue.example").read(TICKER_ENDPOINT.of("SOL-PERP"), {}, None)
    assert not [name for name in request.headers if name.startswith("x-") or name == "authorization"]
    assert request.headers["user-agent"] == "crossgate"


def test_private_reads_carry_a_token_and_no_signature() -> None:
    request = Requests("https://venue.example").read(LIST_ENDPOINT, {"page": 2, "limit": 50}, "abc")
    assert request.headers["authorization"] == "Bearer abc"
    assert not [name for name in request.headers if name.startswith("x-")]
    assert request.url.raw_path == b"/v1/order/list?page=2&limit=50"


async def test_a_signed_body_is_sent_byte_for_byte_and_another_token_changes_the_bearer_only() -> None:
    vector = golden("signing")[1]
    requests, key, body = Requests("https://venue.example"), Key(CREDENTIALS), vector["body"].encode()
    first = requests.write(PLACE_ENDPOINT, body, key, "one", timestamp_ms=vector["timestamp"])
    second = requests.write(PLACE_ENDPOINT, body, key, "two", timestamp_ms=vector["timestamp"])
    assert await first.aread() == await second.aread() == body
    assert first.headers["x-api-signature"] == vector["signature"]
    differing = {name for name in first.headers if first.headers[name] != second.headers[name]}
    assert differing == {"authorization"}
