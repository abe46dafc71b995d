"""Clients: what each may do and see, and when its tokens end."""

from typing import Any

import pytest

from adapters.models import AccountName
from gateway.auth import Client, Clients
from gateway.auth.secrets import secret_sha256
from gateway.settings import Scope, Settings

MAIN, OTHER = AccountName("main"), AccountName("other")


def clients(**bot: Any) -> Clients:
    return Clients(settings(**bot))


def settings(**bot: Any) -> Settings:
    return Settings(
        redis={"url": "redis://x"},
        keys={"tokens": [{"env": "A"}], "ids": {"env": "B"}},
        venues={"backpack": {}},
        accounts={"main": {"venue": "backpack"}, "other": {"venue": "backpack"}},
        desks={"statarb": {}, "macro": {}},
        profiles={"quoter": {"scopes": ["read", "trade"], "max_wait_ms": 150}, "idle": {}},
        clients={"bot": {"key_sha256": [secret_sha256("right")]} | bot},
    )


def bot(**changes: Any) -> Client:
    found = clients(**changes).get("bot")
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("name", "secret", "is_let_in"),
    [
        ("bot", "right", True),
        ("bot", "also-right", True),
        ("bot", "wrong", False),
        ("bot", "", False),
        ("nobody", "right", False),
        ("", "", False),
        ("bot", "\ud800", False),
        ("bot", secret_sha256("right"), False),
    ],
)
def test_only_its_own_secrets_let_a_client_in(name: str, secret: str, is_let_in: bool) -> None:
    known = clients(key_sha256=[secret_sha256("right"), secret_sha256("also-right")])
    assert (known.with_secret(name, secret) is not None) is is_let_in


def test_trading_includes_cancelling_and_nothing_else_includes_anything() -> None:
    may = {scope: {asked for asked in Scope if bot(scopes=[scope]).may(asked)} for scope in Scope}
    assert may == {
        Scope.READ: {Scope.READ},
        Scope.TRADE: {Scope.TRADE, Scope.CANCEL},
        Scope.CANCEL: {Scope.CANCEL},
        Scope.ADMIN: {Scope.ADMIN},
        Scope.RISK: {Scope.RISK},
    }


def test_a_client_without_scopes_of_its_own_has_its_profiles_else_may_read() -> None:
    assert bot().scopes == {Scope.READ}
    assert bot(profile="idle").scopes == {Scope.READ}
    assert bot(profile="quoter").scopes == {Scope.READ, Scope.TRADE}
    assert bot(profile="quoter", scopes=["cancel"]).scopes == {Scope.CANCEL}
    assert bot(profile="quoter", scopes=[]).scopes == frozenset()


def test_a_clients_own_wait_goes_before_its_profiles() -> None:
    assert bot().max_wait_s is None
    assert bot(profile="quoter").max_wait_s == 0.15
    assert bot(profile="quoter", max_wait_ms=0).max_wait_s == 0


def test_what_a_client_sees_depends_on_account_and_owner() -> None:
    both = bot(accounts={"main": "own", "other": "account"})
    assert both.sees(MAIN, "bot")
    assert not both.sees(MAIN, "somebody")
    assert both.sees(OTHER, "somebody")
    assert not bot().sees(MAIN, "bot")


def test_the_version_does_not_depend_on_the_order_of_what_is_granted() -> None:
    one = bot(accounts={"main": "own", "other": "own"}, scopes=["read", "trade"])
    two = bot(accounts={"other": "own", "main": "own"}, scopes=["trade", "read"])
    assert one.version == two.version == bot(accounts={"main": "own", "other": "own"}, profile="quoter").version


@pytest.mark.parametrize(
    "change",
    [
        {"scopes": ["read", "trade"]},
        {"scopes": []},
        {"accounts": {"main": "own"}},
        {"accounts": {"main": "account"}},
        {"key_sha256": [secret_sha256("new")]},
        {"ip_allow": ["203.0.113.1"]},
        {"desk": "macro"},
        {"profile": "quoter"},
    ],
)
def test_any_change_of_its_grants_ends_a_clients_tokens(change: dict[str, Any]) -> None:
    assert bot().version != bot(**change).version


def test_a_scope_taken_away_altogether_ends_the_tokens_too() -> None:
    assert bot(profile="quoter").version != bot(profile="quoter", scopes=[]).version


def test_taken_up_clients_replace_all_others() -> None:
    known = clients()
    known.take_up(settings().model_copy(update={"clients": {}}))
    assert (known.get("bot"), list(known)) == (None, [])
