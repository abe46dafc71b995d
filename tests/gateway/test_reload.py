"""A running gateway takes up a changed configuration whole, or refuses it whole and goes on as it was."""

from pathlib import Path

import pytest
import structlog
import yaml

from gateway.config_file import ConfigError, load
from gateway.reload import Reload
from gateway.settings import Settings

BASE = {
    "redis": {"url": "redis://127.0.0.1"},
    "keys": {"tokens": [{"env": "A"}], "ids": {"env": "B"}},
    "venues": {"backpack": {}},
    "clients": {"one": {"key_sha256": ["0" * 64]}},
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(tmp_path / "crossgate.yaml", BASE)


def write(path: Path, content: object) -> Path:
    path.write_text(yaml.safe_dump(content))
    return path


def test_changed_clients_are_taken_up(path: Path) -> None:
    applied: list[Settings] = []
    reload = Reload(path, load(path), applied.append)
    write(path, {**BASE, "clients": {"two": {"key_sha256": ["1" * 64]}}})
    reload()
    [settings] = applied
    assert set(settings.clients) == {"two"}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"server": {"port": 9999}}, "server: takes a restart"),
        ({"clients": {"one": {"key_sha256": []}}}, "clients.one.key_sha256"),
        ({"sever": {}}, "sever: no setting has this name"),
    ],
)
def test_what_cannot_be_used_changes_nothing_and_is_named(path: Path, change: dict[str, object], problem: str) -> None:
    applied: list[Settings] = []
    reload = Reload(path, load(path), applied.append)
    write(path, {**BASE, **change})
    with structlog.testing.capture_logs() as logs:
        reload()
    assert applied == []
    [log] = logs
    assert log["event"] == "configuration_refused"
    assert any(line.startswith(problem) for line in log["problems"])


def test_credentials_that_cannot_be_opened_keep_the_old_settings(path: Path) -> None:
    def refuse(_settings: Settings) -> None:
        raise ConfigError(["accounts.main.credentials: no"])

    reload = Reload(path, load(path), refuse)
    write(path, {**BASE, "desks": ["statarb"]})
    with structlog.testing.capture_logs() as logs:
        reload()
    assert [log["event"] for log in logs] == ["configuration_refused"]
