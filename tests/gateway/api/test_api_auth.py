"""Who is calling, and what they may: every way around it is closed."""

import base64
import hashlib
import hmac
import json
import time
from dataclasses import replace
from typing import Any

import jwt
import pytest
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.gateway.api.conftest import settings_for
from tests.gateway.api.running import Running, limit_body

pytestmark = pytest.mark.asyncio(loop_scope="session")

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
STRANGERS_KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
KID = hashlib.sha256(KEY.public_key().public_bytes_raw()).hexdigest()[:16]


def claims(gateway: Running, **changes: Any) -> dict[str, Any]:
    now_s = int(time.time())
    client = gateway.services.clients.get("bot")
    assert client is not None
    plain = {
        "iss": "crossgate",
        "aud": "crossgate",
        "sub": "bot",
        "jti": "1",
        "iat": now_s,
        "nbf": now_s,
        "exp": now_s + 60,
        "gv": client.version,
    }
    return {name: value for name, value in (plain | changes).items() if value is not None}


def token(gateway: Running, *, key: Any = KEY, alg: str = "EdDSA", header: Any = None, **changes: Any) -> str:
    headers = {"kid": KID, "typ": "crossgate+jwt"} | (header or {})
    return jwt.encode(claims(gateway, **changes), key, alg, headers=headers)


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


async def refusal(gateway: Running, given: str, **request: Any) -> tuple[int, str]:
    headers = {"authorization": f"Bearer {given}"}
    status, error = await gateway.error("GET", "/v1/accounts", headers=headers, **request)
    assert given[:200] not in json.dumps(error) or not given
    return status, error["code"]


async def test_a_token_made_by_the_rules_is_taken(gateway: Running) -> None:
    headers = {"authorization": f"bearer  {token(gateway)} "}
    assert (await gateway.call("GET", "/v1/accounts", headers=headers)).status_code == 200


async def test_a_secret_is_exchanged_for_a_token(gateway: Running) -> None:
    body = {"api_key": "bot", "api_secret": "secret-of-bot"}
    data = (await gateway.call("POST", "/v1/auth/token", json=body)).json()["data"]
    assert (data["token_type"], data["expires_in"]) == ("Bearer", 3600)
    assert jwt.get_unverified_header(data["token"]) == {"alg": "EdDSA", "kid": KID, "typ": "crossgate+jwt"}
    headers = {"authorization": f"Bearer {data['token']}"}
    assert (await gateway.call("GET", "/v1/accounts", headers=headers)).status_code == 200


@pytest.mark.parametrize(
    ("api_key", "api_secret"),
    [("bot", "secret-of-other"), ("nobody", "secret-of-bot"), ("bot", ""), ("", ""), ("secret-of-bot", "bot")],
)
async def test_a_wrong_secret_opens_nothing_and_is_not_logged(gateway: Running, api_key: str, api_secret: str) -> None:
    with structlog.testing.capture_logs() as logs:
        status, error = await gateway.error(
            "POST", "/v1/auth/token", json={"api_key": api_key, "api_secret": api_secret}
        )
    assert (status, error["code"]) == (401, "AUTHENTICATION_FAILED")
    said = json.dumps([error, logs])
    assert "secret-of" not in said


async def test_a_secret_that_is_too_long_is_not_repeated(gateway: Running) -> None:
    _, error = await gateway.error("POST", "/v1/auth/token", json={"api_key": "bot", "api_secret": "s3cr3t" * 100})
    assert error["field"] == "api_secret"
    assert "s3cr3t" not in json.dumps(error)


@pytest.mark.parametrize("given", ["", " ", "x", "a.b", "a.b.c", "é", "." * 2_000, "x" * 10_000, "..", "e30.e30.e30"])
async def test_what_is_no_token_opens_nothing(gateway: Running, given: str) -> None:
    headers = {"authorization": f"Bearer {given}".encode("latin-1")}
    status, error = await gateway.error("GET", "/v1/accounts", headers=headers)
    assert (status, error["code"]) == (401, "AUTHENTICATION_FAILED")


@pytest.mark.parametrize("header", ["Basic Ym90OnNlY3JldA==", "Bearer", "Token x", ""])
async def test_another_scheme_opens_nothing(gateway: Running, header: str) -> None:
    status, error = await gateway.error("GET", "/v1/accounts", headers={"authorization": header})
    assert (status, error["code"]) == (401, "AUTHENTICATION_FAILED")


async def test_no_token_opens_nothing(gateway: Running) -> None:
    for method, path in (
        ("GET", "/v1/accounts"),
        ("POST", "/v1/orders"),
        ("GET", "/v1/orders"),
        ("DELETE", "/v1/orders/x"),
    ):
        status, error = await gateway.error(method, path)
        assert (status, error["code"]) == (401, "AUTHENTICATION_FAILED")


async def test_an_unsigned_token_opens_nothing(gateway: Running) -> None:
    for alg in ("none", "None", "NONE"):
        head, body = part({"alg": alg, "kid": KID, "typ": "crossgate+jwt"}), part(claims(gateway))
        for signature in ("", "AAAA"):
            assert await refusal(gateway, f"{head}.{body}.{signature}") == (401, "AUTHENTICATION_FAILED")


@pytest.mark.parametrize("alg", ["HS256", "HS512"])
async def test_the_public_key_is_no_shared_secret(gateway: Running, alg: str) -> None:
    public = KEY.public_key().public_bytes_raw()
    digest = {"HS256": "sha256", "HS512": "sha512"}[alg]
    signed = f"{part({'alg': alg, 'kid': KID, 'typ': 'crossgate+jwt'})}.{part(claims(gateway))}"
    for secret in (public, public.hex().encode(), base64.b64encode(public)):
        mac = base64.urlsafe_b64encode(hmac.new(secret, signed.encode(), digest).digest()).decode().rstrip("=")
        assert await refusal(gateway, f"{signed}.{mac}") == (401, "AUTHENTICATION_FAILED")


@pytest.mark.parametrize(
    "header",
    [
        {"kid": "0" * 16},
        {"kid": ""},
        {"typ": "JWT"},
        {"typ": "crossgate+JWT"},
        {"crit": ["b64"]},
        {"jwk": {"kty": "OKP"}},
        {"jku": "http://198.51.100.1/keys"},
        {"x5u": "http://198.51.100.1/"},
    ],
)
async def test_a_token_with_another_head_opens_nothing(gateway: Running, header: dict[str, Any]) -> None:
    assert await refusal(gateway, token(gateway, header=header)) == (401, "AUTHENTICATION_FAILED")


@pytest.mark.parametrize("kid", [None, 7, ["x"], {"a": 1}, True])
async def test_a_key_id_that_is_no_text_opens_nothing(gateway: Running, kid: Any) -> None:
    given = f"{part({'alg': 'EdDSA', 'kid': kid, 'typ': 'crossgate+jwt'})}.{part(claims(gateway))}.AAAA"
    assert await refusal(gateway, given) == (401, "AUTHENTICATION_FAILED")


@pytest.mark.parametrize("nested", ["[" * 1_400, '{"a":' * 280])
async def test_a_head_that_nests_without_end_opens_nothing(gateway: Running, nested: str) -> None:
    head = base64.urlsafe_b64encode(nested.encode()).decode().rstrip("=")
    assert await refusal(gateway, f"{head}.e30.AAAA") == (401, "AUTHENTICATION_FAILED")


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "other"},
        {"aud": ["other"]},
        {"aud": None},
        {"iss": "other"},
        {"iss": None},
        {"sub": "nobody"},
        {"sub": None},
        {"sub": 7},
        {"jti": None},
        {"gv": "0"},
        {"gv": None},
        {"gv": 7},
        {"exp": None},
        {"exp": 1},
        {"exp": "9999999999"},
        {"exp": int(time.time()) + 3700},
        {"exp": 10**400},
        {"nbf": int(time.time()) + 3600},
        {"iat": int(time.time()) + 3600},
        {"iat": None},
    ],
)
async def test_a_token_with_other_claims_opens_nothing(gateway: Running, changes: dict[str, Any]) -> None:
    given = (
        jwt.encode(
            claims(gateway, **changes), KEY, "EdDSA", headers={"kid": KID, "typ": "crossgate+jwt"}, sort_headers=True
        )
        if changes.get("sub") != 7
        else _signed(claims(gateway, **changes))
    )
    assert await refusal(gateway, given) == (401, "AUTHENTICATION_FAILED")


def _signed(body: dict[str, Any]) -> str:
    """A token that the library would not make."""
    text = f"{part({'alg': 'EdDSA', 'kid': KID, 'typ': 'crossgate+jwt'})}.{part(body)}"
    return f"{text}.{base64.urlsafe_b64encode(KEY.sign(text.encode())).decode().rstrip('=')}"


async def test_a_strangers_signature_opens_nothing(gateway: Running) -> None:
    assert await refusal(gateway, token(gateway, key=STRANGERS_KEY)) == (401, "AUTHENTICATION_FAILED")


async def test_a_changed_token_opens_nothing(gateway: Running) -> None:
    given = token(gateway)
    assert (await gateway.call("GET", "/v1/accounts", headers={"authorization": f"Bearer {given}"})).status_code == 200
    head, _, signature = given.split(".")
    changed = f"{head}.{part(claims(gateway, sub='boss'))}.{signature}"
    assert await refusal(gateway, changed) == (401, "AUTHENTICATION_FAILED")


async def test_changed_grants_end_the_tokens_issued_before(gateway: Running, tmp_path: Any) -> None:
    given = await gateway.token("boss")
    clients, settings = gateway.services.clients, gateway.services.settings
    narrowed = settings.clients["boss"].model_copy(update={"accounts": {}})
    clients.take_up(settings.model_copy(update={"clients": settings.clients | {"boss": narrowed}}))
    try:
        assert await refusal(gateway, given) == (401, "AUTHENTICATION_FAILED")
        clients.take_up(settings.model_copy(update={"clients": {}}))
        assert await refusal(gateway, given) == (401, "AUTHENTICATION_FAILED")
    finally:
        clients.take_up(settings)
    headers = {"authorization": f"Bearer {given}"}
    assert (await gateway.call("GET", "/v1/accounts", headers=headers)).status_code == 200


# --- what a client may


@pytest.mark.parametrize(
    ("client", "method", "path"),
    [
        ("reader", "POST", "/v1/orders"),
        ("reader", "POST", "/v1/orders/validate"),
        ("reader", "DELETE", "/v1/orders/x"),
        ("reader", "DELETE", "/v1/accounts/main/orders/by-client-id/x"),
        ("canceller", "POST", "/v1/orders"),
        ("canceller", "GET", "/v1/orders?account=main"),
        ("canceller", "GET", "/v1/accounts"),
        ("canceller", "GET", "/v1/accounts/main/balances"),
        ("canceller", "GET", "/v1/markets"),
    ],
)
async def test_what_needs_a_scope_asks_for_it(gateway: Running, client: str, method: str, path: str) -> None:
    body = {"json": limit_body()} if method == "POST" else {}
    status, error = await gateway.error(method, path, client=client, **body)
    assert (status, error["code"]) == (403, "PERMISSION_DENIED")


async def test_to_cancel_needs_no_more_than_that_scope(gateway: Running) -> None:
    order_id = (await gateway.place()).json()["data"]["order_id"]
    answer = await gateway.call("DELETE", f"/v1/orders/{order_id}", client="canceller")
    assert answer.json()["data"]["status"] == "cancelled"


@pytest.mark.parametrize("account", ["second", "nowhere"])
async def test_a_foreign_account_answers_like_one_that_does_not_exist(gateway: Running, account: str) -> None:
    messages = set()
    for path in ("", "/balances", "/positions", "/rate-limits", "/orders/by-client-id/x"):
        status, error = await gateway.error("GET", f"/v1/accounts/{account}{path}", client="bot")
        assert (status, error["code"]) == (404, "ACCOUNT_NOT_FOUND")
        messages.add(error["message"].replace(account, "?"))
    status, error = await gateway.error("POST", "/v1/orders", client="bot", json=limit_body(account=account))
    assert (status, error["code"], error["outcome"]) == (404, "ACCOUNT_NOT_FOUND", "not_sent")
    messages.add(error["message"].replace(account, "?"))
    status, error = await gateway.error("GET", f"/v1/orders?account={account}", client="bot")
    messages.add(error["message"].replace(account, "?"))
    assert messages == {"there is no account '?' for this client; GET /v1/accounts lists yours"}


async def test_a_client_sees_the_accounts_it_was_granted(gateway: Running) -> None:
    for client, granted in (("bot", [("main", "own")]), ("boss", [("main", "account")]), ("homeless", [])):
        items = (await gateway.call("GET", "/v1/accounts", client=client)).json()["data"]["items"]
        assert [(item["account"], item["access"]) for item in items] == granted


# --- where from


async def test_a_client_with_an_allow_list_calls_from_there_only(gateway: Running) -> None:
    body = {"api_key": "fenced", "api_secret": "secret-of-fenced"}
    status, error = await gateway.error("POST", "/v1/auth/token", json=body)
    assert (status, error["code"]) == (403, "IP_NOT_ALLOWED")
    stolen = gateway.services.tokens.issue(_known(gateway, "fenced"))
    for path in ("/v1/accounts", "/v1/markets"):
        status, error = await gateway.error("GET", path, headers={"authorization": f"Bearer {stolen}"})
        assert (status, error["code"]) == (403, "IP_NOT_ALLOWED")


def _known(gateway: Running, name: str) -> Any:
    client = gateway.services.clients.get(name)
    assert client is not None
    return replace(client)


async def test_who_is_no_trusted_proxy_is_not_believed(gateway: Running) -> None:
    headers = {
        "authorization": f"Bearer {gateway.services.tokens.issue(_known(gateway, 'fenced'))}",
        "x-forwarded-for": "198.51.100.7",
    }
    status, error = await gateway.error("GET", "/v1/accounts", headers=headers)
    assert (status, error["code"]) == (403, "IP_NOT_ALLOWED")


async def test_two_gateways_with_the_same_settings_give_the_same_grants_version(
    gateway: Running, tmp_path: Any
) -> None:
    again = type(gateway.services.clients)(settings_for(tmp_path, "redis://127.0.0.1"))
    assert {client.name: client.version for client in again} == {
        client.name: client.version for client in gateway.services.clients
    }
