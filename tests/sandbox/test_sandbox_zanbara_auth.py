"""Who may ask Zanbara: signatures, tokens and their end, permissions, whitelists, and which check comes first."""

import hashlib
import hmac
from dataclasses import replace
from typing import Any

import jwt
import pytest

from sandbox.config import AccountConfig, ZanbaraConfig
from sandbox.face import Request
from sandbox.whitelist import allows
from sandbox.zanbara.errors import Problem
from sandbox.zanbara.keys import api_key, example_keys
from sandbox.zanbara.signing import Signatures, signature
from sandbox.zanbara.tokens import ExpiredToken, Tokens
from tests.sandbox.zanbara_desks import LIMIT, STILL, TESTNET, golden, refusal, socket, venue

VECTORS = golden("signing")
JWT = golden("jwt_synthetic")
KEY, WITHDRAWING_KEY = example_keys()


# -- signatures --------------------------------------------------------------------------------------------------------


def request_of(vector: dict[str, Any], *, late_ms: int = 0, **changes: Any) -> Request:
    """The signed request as it reaches the venue."""
    path, _, query = vector["path"].partition("?")
    request = Request(
        method=vector["method"],
        path=path,
        target=vector["path"],
        query_string=query,
        headers={
            "x-api-key": vector["api_key"],
            "x-api-timestamp": str(vector["timestamp"]),
            "x-api-signature": vector["signature"],
        },
        body=vector["body"].encode(),
        address="127.0.0.1",
        arrived_us=(vector["timestamp"] + late_ms) * 1000,
    )
    return replace(request, **changes)


def check(request: Request, vector: dict[str, Any], *, reject_replay: bool = False) -> None:
    judge = Signatures(max_skew_ms=5000, reject_replay=reject_replay)
    for _ in range(1 + reject_replay):
        judge.check(request, vector["api_key"], vector["api_secret"])


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["id"] for vector in VECTORS])
def test_every_vector_verifies(vector: dict[str, Any]) -> None:
    check(request_of(vector), vector)
    parts = (vector["api_secret"], str(vector["timestamp"]), vector["method"], vector["path"], vector["body"].encode())
    assert signature(*parts) == vector["signature"]


def test_the_vectors_belong_to_the_example_keys() -> None:
    pairs = {(vector["api_key"], vector["api_secret"]) for vector in VECTORS}
    assert pairs == {(key.api_key, key.api_secret) for key in (KEY, WITHDRAWING_KEY)}


@pytest.mark.parametrize(("late_ms", "passes"), [(5000, True), (5001, False), (-5000, True), (-5001, False)])
def test_a_signature_is_good_for_five_seconds_either_way(late_ms: int, passes: bool) -> None:
    request = request_of(VECTORS[0], late_ms=late_ms)
    if passes:
        check(request, VECTORS[0])
    else:
        with pytest.raises(Problem, match="INVALID_SIGNATURE"):
            check(request, VECTORS[0])


@pytest.mark.parametrize(
    ("number", "changes"),
    [
        (1, {"body": VECTORS[1]["body"].encode() + b" "}),
        (2, {"target": "/v1/order/list"}),
        (0, {"method": "POST"}),
        (0, {"headers": {"x-api-key": KEY.api_key}}),
        (0, {"headers": {"x-api-key": WITHDRAWING_KEY.api_key, "x-api-timestamp": "1", "x-api-signature": "x"}}),
    ],
)
def test_what_was_not_signed_does_not_verify(number: int, changes: dict[str, Any]) -> None:
    with pytest.raises(Problem, match="Request signature verification"):
        check(request_of(VECTORS[number], **changes), VECTORS[number])


def test_the_hex_digits_case_does_not_matter_and_the_timestamps_form_does() -> None:
    request = request_of(VECTORS[0])
    upper = request.headers | {"x-api-signature": VECTORS[0]["signature"].upper()}
    check(replace(request, headers=upper), VECTORS[0])
    for timestamp in (f"+{VECTORS[0]['timestamp']}", f"{VECTORS[0]['timestamp']}.0", "", "soon", "９"):
        with pytest.raises(Problem, match="INVALID_SIGNATURE"):
            check(replace(request, headers=request.headers | {"x-api-timestamp": timestamp}), VECTORS[0])


def test_a_signature_may_be_repeated_unless_replays_are_refused() -> None:
    check(request_of(VECTORS[0]), VECTORS[0])
    with pytest.raises(Problem, match="used before"):
        check(request_of(VECTORS[0]), VECTORS[0], reject_replay=True)


async def test_signed_and_unsigned_requests_pass_and_half_signed_ones_do_not() -> None:
    async with venue() as v:
        answer = await v.a.call("GET", "/v1/order/list?page=1&limit=50", signed=True)
        assert answer.status_code == 200
        assert (await v.a.call("POST", "/v1/order/place", LIMIT, signed=True)).status_code == 201
        assert (await v.a.call("DELETE", "/v1/order/ord_%31", signed=True)).status_code == 404
        for headers in ({"X-API-Key": v.a.api_key}, {"X-API-Timestamp": "1"}, {"X-API-Signature": "0" * 64}):
            answer = await v.a.call("GET", "/v1/account/balance", headers=headers)
            assert refusal(answer) == (401, "INVALID_SIGNATURE", None)
        other = await v.a.call("GET", "/v1/account/balance", headers={"Authorization": f"Bearer {v.b.token}"})
        assert other.status_code == 200
        borrowed = {"Authorization": f"Bearer {v.b.token}"}
        assert refusal(await v.a.call("GET", "/v1/account/balance", signed=True, headers=borrowed))[1] == (
            "INVALID_SIGNATURE"
        )


async def test_a_venue_may_require_signatures() -> None:
    async with venue(require_signature=True) as v:
        assert refusal(await v.a.call("GET", "/v1/account/balance")) == (401, "SIGNATURE_REQUIRED", None)
        assert (await v.a.call("GET", "/v1/account/balance", signed=True)).status_code == 200
        assert (await v.http.get("/v1/market/symbols")).status_code == 200


# -- tokens ------------------------------------------------------------------------------------------------------------


def test_the_published_token_is_issued_and_accepted_byte_for_byte() -> None:
    tokens = Tokens(ZanbaraConfig())
    assert tokens.issue(KEY, 1_759_795_200_000_000) == JWT["token"]
    claims = Tokens(ZanbaraConfig()).verify(JWT["token"], 1_759_798_799_999_999)
    assert (claims.user_id, claims.api_key, claims.expires_s) == ("usr_1001", KEY.api_key, 1_759_798_800)
    with pytest.raises(ExpiredToken):
        tokens.verify(JWT["token"], 1_759_798_800_000_000)


def test_tokens_of_others_are_refused() -> None:
    config = ZanbaraConfig()
    payload = jwt.decode(JWT["token"], options={"verify_signature": False})
    forged = [
        jwt.encode(payload, "another secret of thirty-two bytes", algorithm="HS256"),
        jwt.encode(payload, config.jwt_secret * 2, algorithm="HS512"),
        jwt.encode(payload, "", algorithm="none"),
        jwt.encode(payload | {"iss": "elsewhere"}, config.jwt_secret, algorithm="HS256"),
        jwt.encode({"iss": "zanbara"}, config.jwt_secret, algorithm="HS256"),
        jwt.encode(payload | {"exp": "late"}, config.jwt_secret, algorithm="HS256"),
        JWT["token"][:-2],
        "",
    ]
    for token in forged:
        with pytest.raises(Problem, match="AUTHENTICATION_FAILED"):
            Tokens(config).verify(token, 1_759_795_300_000_000)


async def test_a_login_needs_key_and_secret() -> None:
    async with venue() as v:

        async def login(**body: Any) -> tuple[int, str, str | None]:
            return refusal(await v.http.post("/v1/auth/token", json=body))

        assert await login(api_key=v.a.api_key) == (400, "MISSING_PARAMETER", "api_secret")
        assert await login(api_secret="x") == (400, "MISSING_PARAMETER", "api_key")
        assert await login(api_key=v.a.api_key, api_secret=v.b.api_secret) == (401, "INVALID_API_KEY", None)
        assert await login(api_key="pk_test_0", api_secret="sk_test_0") == (401, "INVALID_API_KEY", None)
        answer = await v.http.post("/v1/auth/token", json={"api_key": v.a.api_key, "api_secret": v.a.api_secret})
        assert list(answer.json()["data"]) == ["token", "expires_in"]
        assert answer.json()["data"]["expires_in"] == 3600


async def test_tokens_live_side_by_side_until_their_time_is_over() -> None:
    async with venue(token_lifetime_s=600) as v:
        first = v.a.token
        await v.pass_time(300_000)
        await v.a.login()
        assert (await v.a.call("GET", "/v1/account/balance")).status_code == 200
        old = {"Authorization": f"Bearer {first}"}
        assert (await v.a.call("GET", "/v1/account/balance", headers=old)).status_code == 200
        await v.pass_time(300_000)
        late = await v.a.call("GET", "/v1/account/balance", headers=old)
        assert refusal(late) == (401, "AUTHENTICATION_FAILED", None)
        assert late.json()["error"]["message"] == golden("error_token_refused_synthetic")["error"]["message"]
        assert (await v.a.call("GET", "/v1/account/balance")).status_code == 200
        totals = await v.sim("GET", "ledger/totals")
        assert totals["logins"]["desk-a"] == 2
        assert totals["expired_tokens"] == {"desk-a": 1}


async def test_tokens_can_be_ended_early() -> None:
    async with venue() as v:
        assert await v.sim("POST", "expire-tokens", {"account": "desk-a"}) == {"expired": 1}
        assert refusal(await v.a.place())[1] == "AUTHENTICATION_FAILED"
        assert (await v.b.place()).status_code == 201
        await v.a.login()
        assert (await v.a.place()).status_code == 201
        assert (await v.sim("POST", "expire-tokens"))["expired"] >= 2
        assert [(await desk.place()).status_code for desk in (v.a, v.b)] == [401, 401]
        assert (await v.sim("GET", "ledger/totals"))["expired_tokens"] == {"desk-a": 2, "desk-b": 1}
        for body in ({"account": "nobody"}, [1]):
            assert (await v.http.post("/sim/expire-tokens", json=body)).status_code == 400


@pytest.mark.parametrize("header", ["", "Bearer", "Basic abc", "Bearer a.b.c", "Bearer é"])
async def test_a_private_call_needs_a_token(header: str) -> None:
    async with venue() as v:
        given = {"Authorization": header.encode()}
        answer = await v.http.get("/v1/account/balance", headers=given)  # type: ignore[arg-type]
        assert refusal(answer) == (401, "AUTHENTICATION_FAILED", None)


async def test_a_key_of_the_other_environment_may_be_refused() -> None:
    async with venue(STILL, environment="production", strict_key_environment=True) as v:
        body = {"api_key": v.a.api_key, "api_secret": v.a.api_secret}
        assert refusal(await v.http.post("/v1/auth/token", json=body)) == (401, "INVALID_API_KEY", None)


# -- rights ------------------------------------------------------------------------------------------------------------


async def test_a_key_without_the_permission_may_only_read() -> None:
    async with venue() as v:
        reader = v.desks["usr_1001#2"]
        answer = await reader.place(client_order_id="?")
        assert refusal(answer) == (403, "PERMISSION_DENIED", None)
        assert answer.json()["error"]["details"] == {"required": "trade"}
        assert (await reader.call("GET", "/v1/order/list")).status_code == 200


@pytest.mark.parametrize(
    ("entry", "allowed", "refused"),
    [
        ("203.0.113.10", ["203.0.113.10"], ["203.0.113.11"]),
        ("203.0.113.20-30", ["203.0.113.20", "203.0.113.25", "203.0.113.30"], ["203.0.113.19", "203.0.113.31", "::1"]),
        ("203.0.113.0/24", ["203.0.113.0", "203.0.113.255"], ["203.0.114.0"]),
        ("2001:db8::/32", ["2001:db8::1"], ["2001:db9::1", "203.0.113.10"]),
    ],
)
def test_whitelist_entries(entry: str, allowed: list[str], refused: list[str]) -> None:
    assert all(allows([entry], address) for address in allowed)
    assert not any(allows([entry], address) for address in refused)
    assert all(allows(["10.0.0.1", entry], address) for address in allowed)
    assert all(allows([], address) for address in refused)


async def test_a_whitelisted_key_is_refused_elsewhere_even_at_login() -> None:
    elsewhere = AccountConfig("desk-w", {}, ip_whitelist=("203.0.113.10",))
    key = api_key(elsewhere)
    tokens = Tokens(TESTNET)
    async with venue(replace(STILL, accounts=(elsewhere,)), environment="production") as v:
        body = {"api_key": key.api_key, "api_secret": key.api_secret}
        answer = await v.http.post("/v1/auth/token", json=body)
        assert refusal(answer) == (403, "IP_NOT_WHITELISTED", None)
        assert answer.json()["error"]["details"] == {"ip": "127.0.0.1"}
        desk = v.desks["desk-w"]
        desk.token = tokens.issue(key, await v.pass_time(0) * 1000)
        assert refusal(await desk.call("GET", "/v1/account/balance"))[1] == "IP_NOT_WHITELISTED"
        half_signed = await desk.call("GET", "/v1/account/balance", headers={"X-API-Timestamp": "1"})
        assert refusal(half_signed)[1] == "IP_NOT_WHITELISTED"  # the whitelist comes before the signature
        async with socket(v) as s:
            assert (await s.authenticate(desk))["error"]["code"] == "IP_NOT_WHITELISTED"
            assert await s.closed() == 4001


def test_credentials_follow_from_the_accounts_name() -> None:
    first, again = (api_key(AccountConfig("desk-a", {})) for _ in range(2))
    assert first == again
    assert first.api_key.startswith("pk_test_")
    assert (len(first.api_key), len(first.api_secret)) == (40, 72)
    assert first.api_secret != api_key(AccountConfig("desk-b", {})).api_secret
    digest = hmac.new(first.api_secret.encode(), b"1GET/", hashlib.sha256).hexdigest()
    assert signature(first.api_secret, "1", "GET", "/", b"") == digest
