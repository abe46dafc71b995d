"""Reading the configuration: strictly, naming each wrong key, repeating no value that may be a secret."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.config_file import ConfigError, load

BASE: dict[str, Any] = {
    "redis": {"url": "redis://127.0.0.1"},
    "keys": {"tokens": [{"env": "TOKENS"}], "ids": {"env": "IDS"}},
    "venues": {"backpack": {}},
}


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CROSSGATE_REDIS_URL", "CROSSGATE_CONFIG"):
        monkeypatch.delenv(name, raising=False)


def written(directory: Path, content: object = BASE) -> Path:
    path = directory / "crossgate.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return path


def problems_of(path: Path | None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(path)
    return caught.value.problems


def test_a_file_is_read(tmp_path: Path) -> None:
    settings = load(written(tmp_path, BASE | {"server": {"port": 9000}}))
    assert (settings.server.port, set(settings.venues)) == (9000, {"backpack"})


def test_the_environment_wins_over_the_file_value_by_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSSGATE_SERVER__PORT", "9001")
    monkeypatch.setenv("CROSSGATE_REDIS_URL", "redis://elsewhere")
    settings = load(written(tmp_path, BASE | {"server": {"port": 9000, "host": "0.0.0.0"}}))
    assert (settings.server.port, settings.server.host) == (9001, "0.0.0.0")
    assert settings.redis.url is not None
    assert settings.redis.url.get_secret_value() == "redis://elsewhere"


def test_every_problem_is_named_at_once(tmp_path: Path) -> None:
    content = BASE | {"server": {"prot": 1, "port": "x"}, "venues": {"backpack": {"read_timeout_s": 0}}, "sever": {}}
    named = {line.split(":")[0] for line in problems_of(written(tmp_path, content))}
    assert named == {"server.prot", "server.port", "venues.backpack.read_timeout_s", "sever"}


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    named = problems_of(written(tmp_path, {"venues": {"backpack": {}}}))
    assert set(named) == {"redis: is required", "keys: is required"}


def test_an_unknown_variable_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSSGATE_SEVER__PORT", "1")
    assert problems_of(written(tmp_path)) == ["CROSSGATE_SEVER__PORT: no setting has this name"]


def test_an_unknown_variable_inside_a_section_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSSGATE_SERVER__PROT", "1")
    assert problems_of(written(tmp_path)) == ["server.prot: no setting has this name"]


@pytest.mark.parametrize("name", ["CROSSGATE_SERVER", "CROSSGATE_CLIENTS", "CROSSGATE_KEYS__TOKENS"])
def test_a_variable_that_is_not_json_is_named_and_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "hunter2 {")
    [problem] = problems_of(written(tmp_path))
    assert name.removeprefix("CROSSGATE_").split("__")[0].lower() in problem
    assert "hunter2" not in problem


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a: [", "line 1"),
        ("a: 1\na: 2\n", "line 2: the key 'a' stands twice"),
        ("server:\n  port: 1\n  port: 2\n", "line 3: the key 'port' stands twice"),
        ("? [a]\n: b\n", "a key must be a word"),
        ("- a\n", "must be a mapping"),
        ("", "must be a mapping"),
        ("text", "must be a mapping"),
        ("a: !!python/object/apply:os.system [id]\n", "line 1"),
        ("a: *nothing\n", "line 1"),
        ("\x00", "is not YAML"),
    ],
)
def test_what_is_no_configuration_says_where(tmp_path: Path, content: str, said: str) -> None:
    path = written(tmp_path, content)
    [problem] = problems_of(path)
    assert problem.startswith(str(path))
    assert said in problem


def test_keys_that_are_no_words_are_named(tmp_path: Path) -> None:
    assert "8080: no setting has this name" in problems_of(written(tmp_path, yaml.safe_dump(BASE) + "8080: x\n"))


def test_a_section_that_is_none_is_named_even_if_the_environment_adds_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSSGATE_REDIS_URL", "redis://elsewhere")
    [problem] = problems_of(written(tmp_path, BASE | {"redis": "redis://:hunter2@here"}))
    assert problem.startswith("redis: ")
    assert "hunter2" not in problem


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "missing", tmp_path, binary):
        assert problems_of(path)[0].startswith(f"{path}: cannot be read")


@pytest.mark.parametrize(
    "content",
    [
        {"redis": {"url": ["redis://:hunter2@x"]}},
        {"redis": {"url": "redis://:hunter2@x", "timeout_s": "hunter2"}},
        {"keys": {"tokens": ["hunter2"], "ids": "hunter2"}},
        {"keys": {"tokens": [{"env": "hunter2"}], "ids": {"value": "hunter2"}}},
        {"accounts": {"main": {"venue": "backpack", "credentials": {"api_secret": "hunter2"}}}},
        {"accounts": {"main": {"venue": "backpack", "credentials": {"api_secret": {"env": "hunter2"}}}}},
        {"clients": {"bot": {"key_sha256": ["hunter2"]}}},
        {"clients": {"bot": {"key_sha256": "hunter2"}}},
    ],
)
def test_a_secret_in_the_wrong_place_is_not_repeated(tmp_path: Path, content: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, BASE | content))
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None
