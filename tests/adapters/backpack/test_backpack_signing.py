import json
from typing import Any

import pytest
from nacl.signing import VerifyKey

from adapters.backpack.signing import Key, signed_headers, signing_text, subscribe_signature
from tests.adapters.backpack.samples import GOLDEN, NOW_MS, PUBLIC, SEED, SEED_AND_PUBLIC

VECTORS = [vector for vector in json.loads((GOLDEN / "signing.json").read_text()) if vector["id"] != "X2"]
"""Without X2: another client's reading of the same request, which signs encoded values."""


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
@pytest.mark.parametrize("secret", [SEED, SEED_AND_PUBLIC])
def test_every_vector(vector: dict[str, Any], secret: str) -> None:
    text = signing_text(
        vector["instruction"], vector["params"], timestamp_ms=vector["timestamp"], window_ms=vector["window"]
    )
    assert text == vector["string"]
    assert Key({"api_key": PUBLIC, "api_secret": secret}).sign(text) == vector["signature"]


def test_headers_carry_what_was_signed() -> None:
    key = Key({"api_key": PUBLIC, "api_secret": SEED})
    headers = dict(signed_headers(key, "balanceQuery", {}, timestamp_ms=1_750_793_021_519, window_ms=5000))
    assert headers == {
        b"X-API-Key": PUBLIC.encode(),
        b"X-Signature": VECTORS[0]["signature"].encode(),
        b"X-Timestamp": b"1750793021519",
        b"X-Window": b"5000",
    }


def test_a_subscription_is_signed_with_four_strings() -> None:
    key = Key({"api_key": PUBLIC, "api_secret": SEED})
    vector = next(vector for vector in VECTORS if vector["id"] == "TV10")
    signature = subscribe_signature(key, timestamp_ms=NOW_MS, window_ms=5000)
    assert signature == (PUBLIC, vector["signature"], "1750793021519", "5000")


@pytest.mark.parametrize(
    ("credentials", "field"),
    [
        ({"api_key": PUBLIC}, "api_secret"),
        ({"api_secret": SEED}, "api_key"),
        ({"api_key": "no base64!", "api_secret": SEED}, "api_key"),
        ({"api_key": PUBLIC, "api_secret": "AAAA"}, "api_secret"),
        ({"api_key": SEED, "api_secret": SEED}, "api_key is not the public key"),
        ({"api_key": PUBLIC, "api_secret": PUBLIC}, "api_key is not the public key"),
    ],
)
def test_credentials_that_cannot_be_right_name_the_field_and_never_the_value(
    credentials: dict[str, str], field: str
) -> None:
    with pytest.raises(ValueError, match=field) as caught:
        Key(credentials)
    assert not any(value in str(caught.value) for value in credentials.values())


def test_a_key_does_not_print_its_secret() -> None:
    key = Key({"api_key": PUBLIC, "api_secret": SEED})
    assert repr(key) == str(key) == "Key(A6EH…)"


def test_signatures_verify() -> None:
    key = Key({"api_key": PUBLIC, "api_secret": SEED})
    import base64

    VerifyKey(base64.b64decode(PUBLIC)).verify("é=1".encode(), base64.b64decode(key.sign("é=1")))
