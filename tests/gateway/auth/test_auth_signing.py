"""Signed requests: what is signed, byte for byte, and what is refused before any store is asked."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.auth.signing import SignatureRefused, message, read_headers, verify
from gateway.public_key import public_key_bytes

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw()

# (timestamp, method, target, body, signature), made with another library from the same seed.
VECTORS = [
    (
        1759795200000,
        "POST",
        b"/v1/orders?x=1%20y",
        '{"a": "ä"}'.encode(),
        "rdrjqZ/EbpohrHaHcL9fnWqOXhzJtLCyt4v7K4n1WiO00Prl5rtv9KJiFB/bKH4SVi1kZGlmn803JeaKpixzAg==",
    ),
    (
        1759795200000,
        "DELETE",
        b"/v1/orders/abc",
        b"",
        "vFQekDP2tShTV4wSpXFzhkf+rxwfISjpZbnPFwb2LV55s4KRuh9Ke1r1Eh3eYtiR/cfTfb+mmi40ihkSwJbQAg==",
    ),
]
GOOD = VECTORS[1][4]


@pytest.mark.parametrize(("timestamp_ms", "method", "target", "body", "signature"), VECTORS)
def test_the_vectors_verify_and_are_what_the_key_signs(
    timestamp_ms: int, method: str, target: bytes, body: bytes, signature: str
) -> None:
    text = message(timestamp_ms, method, target, body)
    verify(PUBLIC, base64.b64decode(signature), text)
    assert base64.b64encode(KEY.sign(text)).decode() == signature


@pytest.mark.parametrize(
    "changed",
    [
        (1759795200001, "DELETE", b"/v1/orders/abc", b""),
        (1759795200000, "GET", b"/v1/orders/abc", b""),
        (1759795200000, "DELETE", b"/v1/orders/abC", b""),
        (1759795200000, "DELETE", b"/v1/orders/abc?", b""),
        (1759795200000, "DELETE", b"/v1/orders/abc", b"{}"),
    ],
)
def test_a_signature_is_good_for_nothing_but_what_was_signed(changed: tuple[int, str, bytes, bytes]) -> None:
    with pytest.raises(SignatureRefused, match="does not fit"):
        verify(PUBLIC, base64.b64decode(GOOD), message(*changed))


@pytest.mark.parametrize("key", [None, bytes(range(1, 33)), b"\x01" + bytes(31)])
def test_a_client_without_a_key_is_refused_in_the_words_of_a_wrong_one(key: bytes | None) -> None:
    with pytest.raises(SignatureRefused) as refused:
        verify(key, base64.b64decode(GOOD), message(*VECTORS[1][:4]))
    assert (refused.value.part, "does not fit" in str(refused.value)) == ("X-API-Signature", True)


@pytest.mark.parametrize(
    ("target", "body"), [(b"/v1/x?a=b", b"&c=d"), (b"/v1/x{}", b""), (b"/v1/x", b" {}"), (b"/v1/x", b"[]")]
)
def test_a_request_whose_text_another_could_have_is_refused(target: bytes, body: bytes) -> None:
    with pytest.raises(SignatureRefused, match="must begin with"):
        message(1, "POST", target, body)


@pytest.mark.parametrize(
    ("keys", "timestamps", "signatures", "part"),
    [
        ([], ["1"], [GOOD], "X-API-Key"),
        (["a", "b"], ["1"], [GOOD], "X-API-Key"),
        (["a"], [], [GOOD], "X-API-Timestamp"),
        (["a"], ["1.0"], [GOOD], "X-API-Timestamp"),
        (["a"], ["-1"], [GOOD], "X-API-Timestamp"),
        (["a"], ["01"], [GOOD], "X-API-Timestamp"),
        (["a"], ["١"], [GOOD], "X-API-Timestamp"),
        (["a"], ["9" * 16], [GOOD], "X-API-Timestamp"),
        (["a"], ["1"], [], "X-API-Signature"),
        (["a"], ["1"], [GOOD, GOOD], "X-API-Signature"),
        (["a"], ["1"], ["ä" + GOOD], "X-API-Signature"),
        (["a"], ["1"], [GOOD[:-4]], "X-API-Signature"),
    ],
)
def test_the_header_that_is_wrong_is_named(
    keys: list[str], timestamps: list[str], signatures: list[str], part: str
) -> None:
    with pytest.raises(SignatureRefused) as refused:
        read_headers(keys, timestamps, signatures)
    assert refused.value.part == part


def test_a_public_key_is_read_from_base64_and_from_hex() -> None:
    assert public_key_bytes(PUBLIC.hex()) == public_key_bytes(base64.b64encode(PUBLIC).decode()) == PUBLIC


@pytest.mark.parametrize("text", ["", "hunter2", "00" * 32, "01" + "00" * 31, PUBLIC.hex()[:-2], "ä" * 64])
def test_what_is_no_key_that_somebody_holds_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(ValueError, match="ED25519") as refused:
        public_key_bytes(text)
    assert not text or text not in str(refused.value)
