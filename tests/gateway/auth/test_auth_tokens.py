"""Tokens: one algorithm, bound to the client's grants as they stand, good for an hour at most."""

import base64
from dataclasses import replace

import jwt
import pytest

from gateway.addresses import AllowList
from gateway.auth import Client, TokenRefused, Tokens
from gateway.auth.secrets import new_client_secret, new_seed, secret_sha256, seed_bytes
from gateway.settings import Scope

A_SEED = base64.b64encode(bytes(range(32))).decode()
SEED, NEXT_SEED = bytes(range(32)), bytes(32)
BOT = Client("bot", None, frozenset({Scope.READ}), {}, AllowList(()), None, "v1", ())


class Issuer:
    """Tokens of one gateway, with a clock and clients of its own."""

    def __init__(self, *seeds: bytes, remember_max: int = 10, audience: str = "crossgate"):
        self.now_s = 1_000_000.0
        self.clients = {"bot": BOT}
        self.tokens = Tokens(
            seeds or (SEED,),
            audience=audience,
            lifetime_s=60,
            find_client=self.clients.get,
            remember_max=remember_max,
            time_s=lambda: self.now_s,
        )


def refused(issuer: Issuer, token: str) -> str:
    with pytest.raises(TokenRefused) as caught:
        issuer.tokens.verify(token)
    return str(caught.value)


@pytest.fixture(autouse=True)
def one_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library reads the clock itself; tests set ours, a long way from it."""

    def ignore(*_: object, **__: object) -> None: ...

    monkeypatch.setattr(jwt.PyJWT, "_validate_iat", ignore)
    monkeypatch.setattr(jwt.PyJWT, "_validate_nbf", ignore)


def test_a_token_speaks_for_its_client_with_its_grants_of_now() -> None:
    issuer = Issuer()
    token = issuer.tokens.issue(BOT)
    assert issuer.tokens.verify(token) is BOT
    richer = issuer.clients["bot"] = replace(BOT, scopes=frozenset({Scope.READ, Scope.TRADE}))
    assert issuer.tokens.verify(token) is richer


def test_no_two_tokens_are_the_same() -> None:
    issuer = Issuer()
    assert issuer.tokens.issue(BOT) != issuer.tokens.issue(BOT)


@pytest.mark.parametrize("is_remembered", [True, False])
def test_a_token_ends_with_its_time(is_remembered: bool) -> None:
    issuer = Issuer()
    token = issuer.tokens.issue(BOT)
    if is_remembered:
        issuer.tokens.verify(token)
    issuer.now_s += 59.9
    assert issuer.tokens.verify(token) is BOT
    issuer.now_s += 0.1
    assert "expired" in refused(issuer, token)
    assert "expired" in refused(issuer, token)


@pytest.mark.parametrize("is_remembered", [True, False])
def test_a_token_ends_with_a_change_of_its_clients_grants(is_remembered: bool) -> None:
    issuer = Issuer()
    token = issuer.tokens.issue(BOT)
    if is_remembered:
        issuer.tokens.verify(token)
    issuer.clients["bot"] = replace(BOT, version="v2")
    assert "grants have changed" in refused(issuer, token)
    del issuer.clients["bot"]
    assert "grants have changed" in refused(issuer, token)


def test_a_seed_is_replaced_without_a_gap() -> None:
    before, after, later = Issuer(SEED), Issuer(NEXT_SEED, SEED), Issuer(NEXT_SEED)
    old, new = before.tokens.issue(BOT), after.tokens.issue(BOT)
    assert after.tokens.verify(old) is BOT
    assert later.tokens.verify(new) is BOT
    assert "not one of ours" in refused(later, old)
    assert "not one of ours" in refused(before, new)


def test_a_token_for_another_gateway_is_none_of_ours() -> None:
    assert "not one of ours" in refused(Issuer(), Issuer(audience="elsewhere").tokens.issue(BOT))


def test_what_is_remembered_is_bounded() -> None:
    issuer = Issuer(remember_max=3)
    tokens = [issuer.tokens.issue(BOT) for _ in range(10)]
    for token in tokens * 2:
        assert issuer.tokens.verify(token) is BOT
    assert len(issuer.tokens._remembered) == 3


def test_a_token_that_is_too_long_is_not_even_read() -> None:
    issuer = Issuer()
    assert "not one of ours" in refused(issuer, issuer.tokens.issue(BOT) + "x" * 2_000)


def test_secrets_are_long_random_and_recognisable() -> None:
    secrets = {new_client_secret() for _ in range(100)}
    assert len(secrets) == 100
    assert all(secret.startswith("cgs_") and len(secret) >= 47 for secret in secrets)
    assert len(secret_sha256(secrets.pop())) == 64


def test_a_seed_is_read_back() -> None:
    assert len({seed_bytes(new_seed()) for _ in range(10)}) == 10


@pytest.mark.parametrize("text", ["", "hunter2", "AAAA", "é" * 44, "A" * 44, A_SEED[:-1], A_SEED + "AAAA"])
def test_what_is_no_seed_is_not_repeated(text: str) -> None:
    with pytest.raises(ValueError, match="32 bytes in base64") as caught:
        seed_bytes(text)
    assert not text or text not in str(caught.value)
