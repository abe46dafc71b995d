"""The command line: each wrong key is named, no secret is printed but the one asked for, and help is there."""

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner, Result

from gateway.auth.secrets import new_seed, seed_bytes
from gateway.cli.commands import app
from gateway.settings import Settings
from tests.golden_keys import BACKPACK_KEY


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CROSSGATE_REDIS_URL", "CROSSGATE_CONFIG", "A_SECRET"):
        monkeypatch.delenv(name, raising=False)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


class Firm:
    """A configuration that can be used, with its secrets beside it; tests break it."""

    def __init__(self, directory: Path):
        self.directory = directory
        for name, secret in (
            ("seed", new_seed()),
            ("public", BACKPACK_KEY["public"]),
            ("secret", BACKPACK_KEY["secret"]),
            ("hunter2", "hunter2"),
        ):
            self.file(name).write_text(secret)
        self.content: dict[str, Any] = {
            "redis": {"url": "redis://:hunter2@127.0.0.1:1"},
            "keys": {"tokens": [self.at("seed")], "ids": self.at("seed")},
            "venues": {"backpack": {}},
            "accounts": {
                "main": {
                    "venue": "backpack",
                    "credentials": {"api_key": self.at("public"), "api_secret": self.at("secret")},
                }
            },
            "clients": {"bot": {"accounts": {"main": "own"}, "key_sha256": ["0" * 64]}},
        }

    def file(self, name: str) -> Path:
        return self.directory / name

    def at(self, name: str) -> dict[str, str]:
        return {"file": str(self.file(name))}

    def check(self) -> Result:
        path = self.file("crossgate.yaml")
        path.write_text(yaml.safe_dump(self.content))
        return run("config", "check", "--config", str(path))

    def problems(self) -> list[str]:
        result = self.check()
        assert result.exit_code == 2, result.output
        assert result.stdout == ""
        first, *problems = result.stderr.splitlines()
        assert first == "crossgate: the configuration cannot be used:"
        return [problem.strip() for problem in problems]


@pytest.fixture
def firm(tmp_path: Path) -> Firm:
    return Firm(tmp_path)


def test_a_configuration_that_can_be_used_is_ok(firm: Firm) -> None:
    result = firm.check()
    assert (result.exit_code, result.stdout) == (0, "ok: 1 venues, 1 accounts, 1 clients\n")


def test_every_wrong_key_is_named(firm: Firm) -> None:
    firm.content |= {"server": {"prot": 1, "port": -1}, "sever": {}}
    firm.content["accounts"]["other"] = {}
    named = {problem.split(":")[0] for problem in firm.problems()}
    assert named == {"server.prot", "server.port", "sever", "accounts.other.venue"}


def test_every_secret_that_is_missing_is_named(firm: Firm) -> None:
    firm.content["keys"]["ids"] = {"env": "A_SECRET"}
    firm.content["keys"]["tokens"].append(firm.at("missing"))
    firm.content["accounts"]["main"]["credentials"]["api_secret"] = firm.at("missing")
    named = {problem.split(":")[0] for problem in firm.problems()}
    assert named == {"keys.ids", "keys.tokens.1", "accounts.main.credentials.api_secret"}


@pytest.mark.parametrize(
    ("place", "key"),
    [
        (("keys", "ids"), "keys.ids"),
        (("accounts", "main", "credentials", "api_secret"), "accounts.main.credentials"),
        (("accounts", "main", "credentials", "api_key"), "accounts.main.credentials"),
    ],
)
def test_a_secret_that_cannot_be_right_is_named_and_not_printed(firm: Firm, place: tuple[str, ...], key: str) -> None:
    section = firm.content
    for part in place[:-1]:
        section = section[part]
    firm.file("wrong").write_text("t0ps3cr3t")
    section[place[-1]] = firm.at("wrong")
    [problem] = firm.problems()
    assert problem.startswith(key)
    assert "t0ps3cr3t" not in problem


@pytest.mark.parametrize("wrong", ["t0ps3cr3t", {"env": "t0ps3cr3t"}, {"value": "t0ps3cr3t"}, ["t0ps3cr3t"]])
@pytest.mark.parametrize("place", [("keys", "ids"), ("accounts", "main", "credentials", "api_secret")])
def test_a_secret_in_the_wrong_place_is_not_printed(firm: Firm, place: tuple[str, ...], wrong: object) -> None:
    section = firm.content
    for part in place[:-1]:
        section = section[part]
    section[place[-1]] = wrong
    result = firm.check()
    assert result.exit_code == 2
    assert ".".join(place) in result.stderr
    assert "t0ps3cr3t" not in result.output


def test_credentials_a_venue_does_not_have_are_named(firm: Firm) -> None:
    firm.content["accounts"]["main"]["credentials"]["passphrase"] = firm.at("secret")
    [problem] = firm.problems()
    assert problem == "accounts.main.credentials: backpack needs exactly api_key, api_secret"


def test_an_adapter_nobody_wrote_is_named(firm: Firm) -> None:
    firm.content["venues"]["nyse"] = {}
    [problem] = firm.problems()
    assert problem.startswith("venues.nyse.adapter: there is no adapter 'nyse'")


def test_a_limit_a_venue_does_not_have_is_named(firm: Firm) -> None:
    firm.content["venues"]["backpack"] = {"limits": {"speed": {"limit": 1, "period_ms": 1_000}}}
    [problem] = firm.problems()
    assert problem.startswith("venues.backpack: ")
    assert "speed" in problem


def test_a_file_that_is_not_there_is_named() -> None:
    result = run("config", "check", "--config", "/nonexistent.yaml")
    assert result.exit_code == 2
    assert "/nonexistent.yaml: cannot be read" in result.stderr


def test_serving_a_wrong_configuration_says_the_same(firm: Firm) -> None:
    firm.content["sever"] = {}
    said = firm.check().stderr
    result = run("serve", "--config", str(firm.file("crossgate.yaml")))
    assert (result.exit_code, result.stderr) == (2, said)


def test_an_embedded_redis_without_a_place_for_its_data_is_refused(firm: Firm) -> None:
    firm.content["redis"] = {"embedded": True}
    firm.check()
    result = run("serve", "--config", str(firm.file("crossgate.yaml")))
    assert result.exit_code == 2
    assert "redis.data_dir" in result.stderr


def test_the_schema_is_one() -> None:
    schema = json.loads(run("config", "schema").stdout)
    assert set(schema["properties"]) == set(Settings.model_fields)


def test_a_clients_secret_is_shown_once_with_the_lines_that_let_it_in() -> None:
    result = run("keys", "client", "bot-1")
    assert result.exit_code == 0
    secret = re.search(r"api_secret: (\S+)", result.stdout)
    assert secret is not None
    lines = yaml.safe_load(result.stdout.split("configuration:\n")[1])
    assert lines["clients"]["bot-1"]["key_sha256"] == [hashlib.sha256(secret[1].encode()).hexdigest()]


def test_a_signing_key_is_shown_once_with_the_line_that_makes_it_count() -> None:
    result = run("keys", "signing", "bot-1")
    assert result.exit_code == 0
    private = re.search(r"private_key: (\S+)", result.stdout)
    assert private is not None
    key = Ed25519PrivateKey.from_private_bytes(base64.b64decode(private[1]))
    lines = yaml.safe_load(result.stdout.split("configuration:\n")[1])
    assert base64.b64decode(lines["clients"]["bot-1"]["signing_key"]) == key.public_key().public_bytes_raw()


@pytest.mark.parametrize("name", ["Bot", "a b", "-a", "a" * 64, "ä", "a:\n  b"])
def test_a_client_of_no_usable_name_gets_no_secret(name: str) -> None:
    result = run("keys", "client", "--", name)
    assert result.exit_code == 2
    assert "cgs_" not in result.output


def test_a_seed_is_one() -> None:
    assert len(seed_bytes(run("keys", "seed").stdout.strip())) == 32


@pytest.mark.parametrize(
    "command",
    [
        (),
        ("serve",),
        ("demo",),
        ("sandbox",),
        ("stack",),
        ("keys",),
        ("keys", "client"),
        ("config",),
        ("config", "check"),
    ],
)
def test_every_command_has_help(command: tuple[str, ...]) -> None:
    result = run(*command, "--help")
    assert result.exit_code == 0
    assert "usage" in result.stdout.lower()


def test_an_unknown_command_is_no_traceback() -> None:
    result = run("fly")
    assert result.exit_code == 2
    assert "Traceback" not in result.output
