"""What the settings allow, and what each wrong one is told."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from gateway.settings import AuthSettings, DeskConfig, OrderSettings, RedisSettings, SecretSource, Settings, VenueConfig

BASE: dict[str, Any] = {
    "redis": {"url": "redis://127.0.0.1"},
    "keys": {"tokens": [{"env": "TOKENS"}], "ids": {"env": "IDS"}},
    "venues": {"backpack": {}},
}


def problem_of(**sections: Any) -> tuple[str, str]:
    with pytest.raises(ValidationError) as caught:
        Settings(**(BASE | sections))
    error = caught.value.errors()[0]
    return ".".join(map(str, error["loc"])), error["msg"]


def test_the_smallest_configuration_has_safe_defaults() -> None:
    settings = Settings(**BASE)
    assert settings.server.host == settings.server.metrics_host == "127.0.0.1"
    assert settings.limiter.assume_unspent is False
    assert settings.orders.client_order_id_required is True
    assert settings.auth.trusted_proxies == ()
    lag = settings.orders.window_ms + settings.orders.clock_error_ms + settings.orders.history_lag_ms
    assert settings.orders.claim_lease_ms > lag


def test_a_secret_is_in_no_representation() -> None:
    settings = Settings(**(BASE | {"redis": {"url": "redis://:hunter2@127.0.0.1"}}))
    for text in (repr(settings), str(settings), settings.model_dump_json()):
        assert "hunter2" not in text


@pytest.mark.parametrize(
    ("sections", "key"),
    [
        ({"redis": {}}, "redis"),
        ({"redis": {"url": "redis://x", "embedded": True}}, "redis"),
        ({"keys": {"tokens": [], "ids": {"env": "IDS"}}}, "keys.tokens"),
        ({"keys": {"tokens": [{}], "ids": {"env": "IDS"}}}, "keys.tokens.0"),
        ({"keys": {"tokens": [{"env": "A", "file": "/b"}], "ids": {"env": "IDS"}}}, "keys.tokens.0"),
        ({"venues": {}}, "venues"),
        ({"venues": {"Back Pack": {}}}, "venues.Back Pack.[key]"),
        ({"venues": {"a": {"rest_url": "http://x"}}}, "venues.a"),
        ({"venues": {"a": {"environment": "sandbox"}}}, "venues.a"),
        ({"venues": {"a": {"environment": "paper"}}}, "venues.a.environment"),
        ({"server": {"port": 65536}}, "server.port"),
        ({"server": {"request_timeout_s": 0}}, "server.request_timeout_s"),
        ({"orders": {"window_ms": 99}}, "orders.window_ms"),
        ({"orders": {"claim_lease_ms": 1}}, "orders.claim_lease_ms"),
        ({"auth": {"token_lifetime_s": 3601}}, "auth.token_lifetime_s"),
        ({"auth": {"trusted_proxies": ["everyone"]}}, "auth.trusted_proxies.0"),
        ({"clients": {"a": {"key_sha256": []}}}, "clients.a.key_sha256"),
        ({"clients": {"a": {"key_sha256": ["0" * 63]}}}, "clients.a.key_sha256.0"),
        ({"clients": {"a": {"key_sha256": ["G" * 64]}}}, "clients.a.key_sha256.0"),
        ({"clients": {"a": {"key_sha256": ["0" * 64], "scopes": ["root"]}}}, "clients.a.scopes.0"),
        ({"clients": {"a": {"key_sha256": ["0" * 64], "ip_allow": ["here"]}}}, "clients.a.ip_allow.0"),
        ({"clients": {"a": {}}}, "clients.a"),
        ({"clients": {"a": {"signing_key": "0" * 64}}}, "clients.a.signing_key"),
        ({"clients": {"a": {"signing_key": "hunter2"}}}, "clients.a.signing_key"),
        ({"clients": {"a": {"key_sha256": ["0" * 64], "sign_writes": True}}}, "clients.a"),
        ({"log": {"level": "LOUD"}}, "log.level"),
        ({"log": {"levle": "INFO"}}, "log.levle"),
        ({"limits": {}}, "limits"),
        ({"desks": {"a": {"limits": {"max_notional": 1.5}}}}, "desks.a.limits.max_notional"),
        ({"desks": {"a": {"limits": {"price_band": "0"}}}}, "desks.a.limits.price_band"),
        ({"desks": {"a": {"limits": {"daily_notional": "100000000001"}}}}, "desks.a.limits.daily_notional"),
        ({"desks": {"a": {"limits": {"max_open": 1}}}}, "desks.a.limits.max_open"),
        ({"desks": [["a"]]}, "desks"),
    ],
)
def test_a_wrong_value_is_found_at_its_key(sections: dict[str, Any], key: str) -> None:
    assert problem_of(**sections)[0] == key


@pytest.mark.parametrize(
    ("sections", "named"),
    [
        ({"accounts": {"main": {"venue": "nowhere"}}}, "accounts.main.venue: there is no venue 'nowhere'"),
        ({"clients": {"a": {"key_sha256": ["0" * 64], "desk": "x"}}}, "clients.a.desk: there is no desk 'x'"),
        ({"clients": {"a": {"key_sha256": ["0" * 64], "profile": "x"}}}, "clients.a.profile: there is no profile 'x'"),
        (
            {"clients": {"a": {"key_sha256": ["0" * 64], "accounts": {"x": "own"}}}},
            "clients.a.accounts: there is no account 'x'",
        ),
    ],
)
def test_a_name_that_leads_nowhere_is_named(sections: dict[str, Any], named: str) -> None:
    assert named in problem_of(**sections)[1]


@pytest.mark.parametrize("desks", [["arb", "mm"], {"arb": {}, "mm": {}}])
def test_desks_are_names_or_have_settings_of_their_own(desks: Any) -> None:
    assert Settings(**(BASE | {"desks": desks})).desks == {"arb": DeskConfig(), "mm": DeskConfig()}


def test_all_names_that_lead_nowhere_are_named_at_once() -> None:
    _, message = problem_of(accounts={"a": {"venue": "x"}, "b": {"venue": "y"}})
    assert "accounts.a.venue" in message
    assert "accounts.b.venue" in message


@pytest.mark.parametrize("venue", [VenueConfig(), VenueConfig(rest_url="http://a", ws_url="ws://a")])
def test_a_venue_has_both_addresses_or_its_own(venue: VenueConfig) -> None:
    assert (venue.rest_url is None) is (venue.ws_url is None)


def test_settings_cannot_be_changed_by_accident() -> None:
    for section in (Settings(**BASE), AuthSettings(), OrderSettings(), RedisSettings(embedded=True)):
        for name in type(section).model_fields:
            with pytest.raises(ValidationError, match="frozen"):
                setattr(section, name, getattr(section, name))


# --- secrets


def test_a_secret_is_read_from_its_file_without_the_space_around_it(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("  s3cr3t\n")
    assert SecretSource(file=path).read().get_secret_value() == "s3cr3t"


def test_a_secret_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_SECRET", "s3cr3t")
    assert SecretSource(env="A_SECRET").read().get_secret_value() == "s3cr3t"


def test_a_secret_that_is_not_there_says_where_it_was_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("A_SECRET", raising=False)
    empty, binary = tmp_path / "empty", tmp_path / "binary"
    empty.write_text("\n")
    binary.write_bytes(b"\xff\xfe")
    for source, where in (
        (SecretSource(env="A_SECRET"), "A_SECRET"),
        (SecretSource(file=tmp_path / "missing"), "missing"),
        (SecretSource(file=tmp_path), str(tmp_path)),
        (SecretSource(file=empty), "empty"),
        (SecretSource(file=binary), "binary"),
    ):
        with pytest.raises(ValueError, match=where):
            source.read()


@pytest.mark.parametrize("secret", ["AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "cgs_abc-DEF", "hunter2", "a b"])
def test_a_secret_in_place_of_a_variables_name_is_not_repeated(secret: str) -> None:
    with pytest.raises(ValidationError) as caught:
        SecretSource(env=secret)
    assert secret not in caught.value.errors()[0]["msg"]
