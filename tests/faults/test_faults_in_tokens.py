"""Forged tokens, spoofed addresses, scopes and accounts that were not granted: refused alike, and nothing is sent."""

import base64
import hashlib
import hmac
import json
import math
import time
from pathlib import Path
from typing import Any

import pytest
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.gateway.api.running import SEED, Running, limit_body

pytestmark = pytest.mark.asyncio(loop_scope="session")

KEY = Ed25519PrivateKey.from_private_bytes(base64.b64decode(SEED))
PUBLIC = KEY.public_key()
KID = hashlib.sha256(PUBLIC.public_bytes_raw()).hexdigest()[:16]
VENUES_TOKEN = Path(__file__).parents[1] / "golden/zanbara/token_synthetic.json"
HEAD = {"alg": "EdDSA", "kid": KID, "typ": "crossgate+jwt"}


def coded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def claims(gateway: Running, **changes: Any) -> dict[str, Any]:
    client, now_s = gateway.services.clients.get("bot"), int(time.time())
    assert client is not None
    plain = {"iss": "crossgate", "aud": "crossgate", "sub": "bot", "jti": "1", "gv": client.version}
    return plain | {"iat": now_s, "nbf": now_s, "exp": now_s + 60} | changes


def unsigned(head: Any, body: Any) -> str:
    return f"{coded(json.dumps(head).encode())}.{coded(json.dumps(body).encode())}"


def signed(head: Any, body: Any) -> str:
    """With our own key: only what it says is wrong."""
    text = unsigned(head, body)
    return f"{text}.{coded(KEY.sign(text.encode()))}"


def without(members: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in members.items() if key != name}


def macs(text: str) -> list[str]:
    """The token under every form of our public key, taken for a shared secret."""
    forms = [
        PUBLIC.public_bytes_raw(),
        PUBLIC.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        PUBLIC.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        PUBLIC.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
        KID.encode(),
        b"",
    ]
    return [
        f"{text}.{coded(hmac.digest(form, text.encode(), kind))}" for form in forms for kind in ("sha256", "sha512")
    ]


KEY_IDS = (
    "../../dev/null", "/dev/null", "file:///dev/null", "http://127.0.0.1:1/key", "' OR 1=1 --", "*", "{a}", '"]]',
    "x" * 1_200, "", " " + KID, KID + "\x00", KID.upper(), KID[:-1], None, 0, True, [KID], {"kid": KID},
)  # fmt: skip
HEADERS = (
    {"jku": "http://127.0.0.1:1/keys"}, {"x5u": "http://127.0.0.1:1/"}, {"x5c": ["AAAA"]}, {"crit": ["exp"]},
    {"jwk": {"kty": "OKP", "crv": "Ed25519", "x": coded(PUBLIC.public_bytes_raw())}}, {"b64": False}, {"zip": "DEF"},
    {"cty": "JWT"}, {"typ": "JWT"}, {"typ": "at+jwt"}, {"typ": None}, {"typ": "CROSSGATE+JWT"},
)  # fmt: skip
ALGORITHMS = ("none", "None", "nOnE", "NONE", "", "HS256", "RS256", "ES256", "eddsa", "Ed25519", None, 0, ["EdDSA"])
NO_TIMES = (math.nan, math.inf, -math.inf, 1e300, 10**400, "9999999999", True, None, [1], {"$gt": 0})
WRONG = {
    "aud": ("crossgate-testnet", "", ["other"], None, 7),
    "iss": ("zanbara", "crossgate ", "", None, 7),
    "sub": ("nobody", "BOT", "bot ", "*", "", None, 7, ["bot"]),
    "gv": ("", "0", "*", None, 7, ["x"]),
    "jti": (None, 7),
}


def crafted(gateway: Running) -> dict[str, str]:
    """Tokens, by what is wrong with them."""
    body, now_s = claims(gateway), int(time.time())
    tokens: dict[str, str] = {}
    for alg in ALGORITHMS:
        tokens[f"alg {alg!r} unsigned"] = unsigned(HEAD | {"alg": alg}, body) + "."
        tokens[f"alg {alg!r} signed"] = signed(HEAD | {"alg": alg}, body)
    for alg in ("HS256", "HS512", "EdDSA"):
        for number, token in enumerate(macs(unsigned(HEAD | {"alg": alg}, body))):
            tokens[f"{alg} by our public key {number}"] = token
    tokens |= {f"kid {str(kid)[:20]!r}": signed(HEAD | {"kid": kid}, body) for kid in KEY_IDS}
    tokens |= {f"header {more}": signed(HEAD | more, body) for more in HEADERS}
    for name in ("exp", "iat", "nbf"):
        tokens |= {f"{name} {value!s:.20}": signed(HEAD, body | {name: value}) for value in NO_TIMES}
    for name, values in WRONG.items():
        tokens |= {f"{name} {value!r}": signed(HEAD, body | {name: value}) for value in values}
    tokens |= {f"without {name}": signed(HEAD, without(body, name)) for name in body}
    tokens |= {f"without {name} in the head": signed(without(HEAD, name), body) for name in HEAD}
    tokens |= {
        "expired": signed(HEAD, body | {"exp": now_s - 6}),
        "not yet": signed(HEAD, body | {"nbf": now_s + 60}),
        "from the future": signed(HEAD, body | {"iat": now_s + 60}),
        "for ten years": signed(HEAD, body | {"exp": now_s + 315_360_000}),
        "a float's worth": signed(HEAD, body | {"exp": now_s + 60.5}),
        "another body": unsigned(HEAD, body | {"sub": "boss"}) + "." + signed(HEAD, body).rpartition(".")[2],
        "no signature": unsigned(HEAD, body),
        "a short signature": signed(HEAD, body)[:-4],
        "a list": signed(HEAD, ["bot"]),
        "a head that is none": signed(["EdDSA"], body),
        "in five parts": signed(HEAD, body) + ".AAAA.AAAA",
        "in JSON": json.dumps({"payload": coded(json.dumps(body).encode()), "signatures": []}),
    }
    return tokens


async def test_a_crafted_token_opens_nothing_and_is_told_nothing(gateway: Running) -> None:
    good = await gateway.call(
        "GET", "/v1/accounts", headers={"authorization": f"Bearer {signed(HEAD, claims(gateway))}"}
    )
    assert good.status_code == 200, "so that what is refused below is refused for what is wrong with it"
    sent = len(gateway.exchange.arrivals)
    tokens, told = crafted(gateway), set()
    for name, token in tokens.items():
        headers = [(b"authorization", b"Bearer " + token.encode("latin-1", "replace"))]
        answer = await gateway.http.post("/v1/orders", headers=headers, json=limit_body())
        assert (answer.status_code, answer.json()["error"]["outcome"]) == (401, "not_sent"), name
        told.add(answer.json()["error"]["message"])
    assert len(tokens) >= 150
    # Only who has a token that once was good learns more than that it is none.
    assert told <= {
        "the token is not one of ours",
        "the token has expired; get a new one from POST /v1/auth/token",
        "the client's grants have changed since the token was issued; get a new one",
    }
    assert len(gateway.exchange.arrivals) == sent


async def test_the_token_of_a_venue_is_none_of_ours(gateway: Running) -> None:
    token = json.loads(VENUES_TOKEN.read_text())["data"]["token"]
    status, error = await gateway.error("GET", "/v1/accounts", headers={"authorization": f"Bearer {token}"})
    assert (status, error["code"]) == (401, "AUTHENTICATION_FAILED")


@pytest.mark.parametrize("member", ["scope", "scopes", "account", "accounts", "client", "expires_in", "__class__"])
async def test_nobody_asks_for_more_than_was_granted_with_the_token(gateway: Running, member: str) -> None:
    body = {"api_key": "reader", "api_secret": "secret-of-reader", member: ["*"]}
    status, error = await gateway.error("POST", "/v1/auth/token", json=body)
    assert (status, error["code"], error["field"]) == (400, "INVALID_PARAMETER", member)


ESCALATIONS = (
    {"x-scope": "trade"}, {"x-scopes": "*"}, {"x-client": "bot"}, {"x-user": "boss"}, {"x-original-url": "/v1/orders"},
    {"x-http-method-override": "GET"}, {"x-account": "second"}, {"cookie": "client=bot"},
)  # fmt: skip


async def test_no_header_widens_a_scope_or_names_another_account(gateway: Running) -> None:
    before = len(gateway.exchange.arrivals)
    for headers in ESCALATIONS:
        status, error = await gateway.error("POST", "/v1/orders", client="reader", json=limit_body(), headers=headers)
        assert (status, error["code"]) == (403, "PERMISSION_DENIED"), headers
        answer = await gateway.call("GET", "/v1/accounts?account=second&client=boss", client="bot", headers=headers)
        assert [item["account"] for item in answer.json()["data"]["items"]] == ["main"], headers
    # The name of another's key asks for a signature, which nobody but that one can give.
    status, error = await gateway.error("POST", "/v1/orders", client="reader", headers={"x-api-key": "bot"})
    assert (status, error["code"]) == (401, "INVALID_SIGNATURE")
    assert len(gateway.exchange.arrivals) == before


@pytest.mark.parametrize(
    "account", ["MAIN", "main ", "main\x00", "main/../second", "*", "second", "ｍain", "", "main,second"]
)
async def test_an_account_is_the_one_that_was_granted_or_none(gateway: Running, account: str) -> None:
    before = len(gateway.exchange.arrivals)
    status, error = await gateway.error("POST", "/v1/orders", client="bot", json=limit_body(account=account))
    assert (status, error["field"]) == ((404, "account") if account else (400, "account"))
    status, error = await gateway.error("GET", "/v1/orders", client="bot", params={"account": account})
    assert (status, error["code"]) == (404, "ACCOUNT_NOT_FOUND")
    assert len(gateway.exchange.arrivals) == before


SPOOFS = (
    ("x-forwarded-for", "198.51.100.7"), ("x-real-ip", "198.51.100.7"),
    ("forwarded", "for=198.51.100.7"), ("x-client-ip", "198.51.100.7"), ("true-client-ip", "198.51.100.7"),
    ("cf-connecting-ip", "198.51.100.7"), ("x-forwarded-for", "::ffff:198.51.100.7"), ("host", "198.51.100.7"),
    ("x-forwarded-for", "0xc6.0x33.0x64.7"), ("x-forwarded-for", "198.51.100.007"),
    ("x-forwarded-host", "198.51.100.7"), ("x-forwarded-for", "198.51.100.7, 203.0.113.7"),
)  # fmt: skip


async def test_an_allow_list_holds_whatever_a_stranger_says_of_its_address(gateway: Running) -> None:
    client = gateway.services.clients.get("fenced")
    assert client is not None
    token = gateway.services.tokens.issue(client)
    for name, value in SPOOFS:
        headers = {"authorization": f"Bearer {token}", name: value}
        status, error = await gateway.error("GET", "/v1/accounts", headers=headers)
        assert (status, error["code"]) == (403, "IP_NOT_ALLOWED"), (name, value)


async def test_every_wrong_secret_is_refused_alike_and_leaves_a_line(gateway: Running) -> None:
    tried = [("bot", f"cgs_{number}") for number in range(50)] + [("nobody", "cgs_x")]
    told = set()
    with structlog.testing.capture_logs() as logs:
        for api_key, api_secret in tried:
            body = {"api_key": api_key, "api_secret": api_secret}
            status, error = await gateway.error("POST", "/v1/auth/token", json=body)
            told.add((status, error["message"]))
    assert told == {(401, "no client has this api_key and api_secret")}
    refusals = [(log["client"], log["address"]) for log in logs if log["event"] == "token_refused"]
    assert refusals == [("bot", "203.0.113.7")] * 50 + [(None, "203.0.113.7")]
