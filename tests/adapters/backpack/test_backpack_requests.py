import pytest

from adapters.backpack.limits import PLACE, TICKER
from adapters.backpack.requests import Endpoint, Requests, body_params
from adapters.backpack.signing import Key
from adapters.contract import SendTime
from tests.adapters.backpack.samples import PUBLIC, SEED, golden

WHEN = SendTime(1_750_793_021_519, 5000)
TICKER_ENDPOINT = Endpoint("GET", "/api/v1/ticker", TICKER)
PLACE_ENDPOINT = Endpoint("POST", "/api/v1/order", PLACE, "orderExecute")


@pytest.mark.parametrize("url", ["https://venue.example/proxy", "https://venue.example/proxy/"])
def test_an_address_may_have_a_path_of_its_own(url: str) -> None:
    request = Requests(url, None).read(TICKER_ENDPOINT, {"symbol": "SOL_USDC"}, WHEN)
    assert str(request.url) == "https://venue.example/proxy/api/v1/ticker?symbol=SOL_USDC"
    assert request.headers["host"] == "venue.example"


def test_public_requests_are_not_signed_even_with_a_key_at_hand() -> None:
    key = Key({"api_key": PUBLIC, "api_secret": SEED})
    request = Requests("https://venue.example", key).read(TICKER_ENDPOINT, {}, WHEN)
    assert not [name for name in request.headers if name.startswith("x-")]
    assert request.headers["user-agent"] == "crossgate"


async def test_a_signed_body_is_sent_byte_for_byte() -> None:
    vector = next(vector for vector in golden("signing") if vector["id"] == "TV3")
    body = (
        b'{"symbol":"SOL_USDC_PERP","side":"Ask","orderType":"Limit","quantity":"1.25","price":"150.37",'
        b'"postOnly":true,"reduceOnly":false,"timeInForce":"GTC","clientId":424242}'
    )
    requests = Requests("https://venue.example", Key({"api_key": PUBLIC, "api_secret": SEED}))
    request = requests.write(PLACE_ENDPOINT, body, body_params(body), WHEN)
    assert await request.aread() == body
    assert request.headers["content-length"] == str(len(body))
    assert request.headers["x-signature"] == vector["signature"]
