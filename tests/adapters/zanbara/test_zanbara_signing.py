import jwt
import pytest

from adapters.zanbara.signing import Key, signed_headers
from tests.adapters.zanbara.samples import API_KEY, API_SECRET, CREDENTIALS, golden

VECTORS = golden("signing")


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["id"] for vector in VECTORS])
def test_published_vectors(vector: dict[str, str]) -> None:
    key = Key({"api_key": vector["api_key"], "api_secret": vector["api_secret"]})
    headers = signed_headers(
        key, vector["method"], vector["path"].encode(), vector["body"].encode(), timestamp_ms=int(vector["timestamp"])
    )
    assert dict(headers) == {
        b"X-API-Key": vector["api_key"].encode(),
        b"X-API-Timestamp": str(vector["timestamp"]).encode(),
        b"X-API-Signature": vector["signature"].encode(),
    }


@pytest.mark.parametrize(
    "change", [{"body": b"{}"}, {"target": b"/v1/order/list?page=2"}, {"method": "POST"}, {"timestamp_ms": 1}]
)
def test_every_part_is_signed(change: dict[str, object]) -> None:
    vector = VECTORS[2]
    parts = {"method": "GET", "target": vector["path"].encode(), "body": b"", "timestamp_ms": vector["timestamp"]}
    headers = dict(signed_headers(Key(CREDENTIALS), **(parts | change)))
    assert headers[b"X-API-Signature"] != vector["signature"].encode()


def test_the_token_of_the_documentation_is_what_it_says() -> None:
    sample = golden("jwt_synthetic")
    claims = jwt.decode(
        sample["token"], sample["secret"], algorithms=["HS256"], options={"verify_exp": False, "verify_iat": False}
    )
    assert (claims["api_key"], claims["exp"] - claims["iat"]) == (API_KEY, 3600)


@pytest.mark.parametrize(
    ("credentials", "field"),
    [
        ({"api_key": API_KEY}, "api_secret"),
        ({"api_secret": API_SECRET}, "api_key"),
        ({"api_key": API_SECRET, "api_secret": API_KEY}, "api_key"),
        ({"api_key": API_KEY, "api_secret": "sk_test_ä"}, "api_secret"),
        ({"api_key": API_KEY, "api_secret": "sk_test_1\r\nX-Evil: 1"}, "api_secret"),
        ({"api_key": API_KEY + " ", "api_secret": API_SECRET}, "api_key"),
    ],
)
def test_credentials_that_cannot_be_right_name_the_field_and_never_the_value(
    credentials: dict[str, str], field: str
) -> None:
    with pytest.raises(ValueError, match=field) as caught:
        Key(credentials)
    assert not any(value in str(caught.value) for value in credentials.values())


def test_a_secret_of_another_length_than_documented_is_taken() -> None:
    assert Key({"api_key": API_KEY, "api_secret": "sk_live_" + "0" * 60}).public == API_KEY


def test_a_key_prints_nothing_but_the_prefix_that_every_key_has() -> None:
    assert repr(Key(CREDENTIALS)) == "Key(pk_test_…)"
