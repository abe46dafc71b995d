"""Logs: one JSON object a line, ours and the libraries' alike, bounded, and without what libraries let slip."""

import json
import logging
import socket
from collections.abc import Iterator
from typing import Any
from urllib.request import ProxyHandler, build_opener

import pytest
import structlog

from gateway import __version__, telemetry
from gateway.settings import LogSettings, ServerSettings


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    kept = structlog.get_config()
    levels = {name: logging.getLogger(name).level for name in telemetry._QUIET}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**kept)
    for name, quiet in levels.items():
        logging.getLogger(name).setLevel(quiet)


def fail_and_log() -> None:
    secret = "hunter" + "2"
    try:
        int(f"broken {len(secret)}")
    except ValueError:
        structlog.get_logger("ours").exception("failed")


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_our_lines_and_the_libraries_are_json(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.set_up_logs(LogSettings())
    with structlog.contextvars.bound_contextvars(request_id="r1"):
        structlog.get_logger("ours").info("placed", price=object, client="bot")
        logging.getLogger("theirs").warning("%s happened", "it")
    ours, theirs = lines(capsys)
    assert (ours["event"], ours["client"], ours["level"], ours["logger"]) == ("placed", "bot", "info", "ours")
    assert (theirs["event"], theirs["level"], theirs["logger"]) == ("it happened", "warning", "theirs")
    assert ours["request_id"] == theirs["request_id"] == "r1"
    assert ours["timestamp"].endswith("Z")


def test_an_exception_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.set_up_logs(LogSettings())
    fail_and_log()
    [line] = lines(capsys)
    assert "broken 7" in line["exception"]


def test_the_console_shows_an_exception_without_the_values_of_its_variables(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.set_up_logs(LogSettings(format="console"))
    fail_and_log()
    said = capsys.readouterr().out
    assert "broken 7" in said
    assert "hunter2" not in said


def test_a_field_that_somebody_else_filled_is_bounded(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.set_up_logs(LogSettings())
    structlog.get_logger("ours").info("read", body="x" * 100_000)
    assert len(lines(capsys)[0]["body"]) < 3_000


def test_a_line_cannot_be_forged(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.set_up_logs(LogSettings())
    structlog.get_logger("ours").info("read", path='x\n{"event": "forged"}\u2028\x00')
    assert [line["event"] for line in lines(capsys)] == ["read"]


@pytest.mark.parametrize("library", ["httpx", "httpcore", "websockets", "uvicorn.access"])
def test_what_libraries_say_of_requests_is_not_heard(capsys: pytest.CaptureFixture[str], library: str) -> None:
    telemetry.set_up_logs(LogSettings(level="DEBUG"))
    logging.getLogger(library).info("GET https://venue/?api_key=hunter2")
    assert lines(capsys) == []


def test_the_level_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.set_up_logs(LogSettings(level="ERROR"))
    logger = structlog.get_logger("ours")
    logger.warning("quiet")
    logger.error("loud")
    assert [line["event"] for line in lines(capsys)] == ["loud"]


def test_metrics_are_served_on_their_own_port() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    telemetry.serve_metrics(ServerSettings(metrics_port=port), "c0ffee")
    with build_opener(ProxyHandler({})).open(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        said = answer.read().decode()
    assert f'crossgate_build_info{{commit="c0ffee",version="{__version__}"}}' in said
    with pytest.raises(OSError, match="in use"):
        telemetry.serve_metrics(ServerSettings(metrics_port=port), "c0ffee")
