"""The command line of the sandbox: what it starts, what a file adds, what it says, and what it refuses by name."""

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from sandbox.command_line import asked_for, parser
from sandbox.config import AccountConfig, ClockKind, Counting, LimitConfig, SandboxConfig, numbered_accounts
from sandbox.configuration import BadConfiguration
from sandbox.guide import backpack_snippet, zanbara_snippet


@contextlib.asynccontextmanager
async def process(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    started = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sandbox", "--with-parent", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield started
    finally:
        if started.returncode is None:
            started.send_signal(signal.SIGTERM)
        async with asyncio.timeout(10):
            await started.wait()


async def test_zanbara_runs_as_a_process_with_its_limits_from_the_command_line() -> None:
    options = ("--limit", "ip_trade=3", "--limit-period-ms", "9000", "--token-lifetime-s", "60", "--vip", "desk-b=4")
    async with process("--venue", "zanbara", "--port", "0", "--seed", "7", *options) as started:
        assert started.stdout is not None
        async with asyncio.timeout(20):
            ready = json.loads(await started.stdout.readline())
        assert (ready["event"], ready["venue"]) == ("ready", "zanbara")
        async with httpx.AsyncClient(base_url=ready["url"], trust_env=False) as http:
            credentials = (await http.get("/sim/accounts")).json()["accounts"][1]["credentials"]
            token = (await http.post("/v1/auth/token", json=credentials)).json()["data"]
            assert token["expires_in"] == 60
            answer = await http.post("/v1/order/place", headers={"Authorization": f"Bearer {token['token']}"})
            assert (answer.status_code, answer.headers["x-ratelimit-limit"]) == (400, "30")
            report = (await http.get("/sim/ledger/limits")).json()
            assert (report["period_ms"], report["counting"]) == (9000, [Counting.FIRST_REQUEST])


def asked(*arguments: str) -> list[SandboxConfig]:
    return asked_for(parser().parse_args(arguments))


@pytest.mark.parametrize(
    ("arguments", "ports"),
    [
        ((), {"backpack": 9101, "zanbara": 9102}),
        (("--port", "0"), {"backpack": 0, "zanbara": 0}),
        (("--port", "7000"), {"backpack": 7000, "zanbara": 7001}),
        (("--zanbara-port", "7000"), {"backpack": 9101, "zanbara": 7000}),
        (("--venue", "zanbara"), {"zanbara": 9102}),
        (("--venue", "zanbara", "--port", "7000"), {"zanbara": 7000}),
    ],
)
def test_ports_are_easy_to_say(arguments: tuple[str, ...], ports: dict[str, int]) -> None:
    assert {config.venue: config.port for config in asked(*arguments)} == ports


def test_without_options_a_venue_is_as_it_is_by_default() -> None:
    assert asked("--venue", "backpack") == [SandboxConfig(port=9101)]


def test_every_option_reaches_the_configuration() -> None:
    (config,) = asked(
        "--venue", "backpack", "--host", "::1", "--seed", "1", "--accounts", "1", "--no-makers", "--book-levels", "4",
        "--book-heartbeat", "--tick-ms", "20", "--history-lag-ms", "30", "--clock", "stepped", "--clock-rate", "5",
        "--clock-start-ms", "1759800000000", "--clock-skew-ms", "-7", "--limit", "standard=9",
        "--limit-period-ms", "50", "--counting", "bucket", "--limits-only-recorded", "--strict-signatures",
        "--historical-trades", "--historical-funding", "--empty-cancels", "--environment", "testnet",
        "--token-lifetime-s", "60", "--ws-heartbeat-timeout-ms", "70", "--vip", "acct-01=2", "--halt", "SOL-PERP",
        "--require-signature", "--reject-replay", "--strict-numbers",
    )  # fmt: skip
    plain = SandboxConfig()
    assert config == SandboxConfig(
        host="::1",
        port=9101,
        seed=1,
        accounts=(*plain.accounts, replace(numbered_accounts(1)[0], vip_level=2)),
        makers=False,
        book_levels=4,
        book_heartbeat=True,
        tick_ms=20,
        limits=LimitConfig(50, {"standard": 9, "historical": 30, "withdrawal": 10}, (Counting.BUCKET,), enforced=False),
        strict_signatures=True,
        history_lag_ms=30,
        clock=ClockKind.STEPPED,
        clock_rate=5,
        clock_start_ms=1759800000000,
        clock_skew_ms=-7,
        backpack=replace(plain.backpack, historical_trades=True, historical_funding=True, empty_cancels=True),
        zanbara=replace(
            plain.zanbara,
            environment="testnet",
            token_lifetime_s=60,
            ws_heartbeat_timeout_ms=70,
            halted=("SOL-PERP",),
            require_signature=True,
            reject_replay=True,
            strict_numbers=True,
        ),
    )


def test_strict_is_both_kinds_of_strictness() -> None:
    (config,) = asked("--venue", "backpack", "--strict")
    assert (config.strict_signatures, config.limits.counting) == (True, tuple(Counting))
    assert asked("--strict-limits", "--strict-signatures") == asked("--strict")


# -- the file ----------------------------------------------------------------------------------------------------------


def test_a_file_says_anything_and_options_go_over_it(tmp_path: Path) -> None:
    path = tmp_path / "sandbox.yaml"
    path.write_text("""
seed: 11
makers: false
limits: {period_ms: 9000, limits: {standard: 5, ip_trade: 6}}
accounts:
- {name: me, balances: {USDC: 0.1}, ip_whitelist: [203.0.113.0/24]}
zanbara: {environment: testnet, liquidation_ratio: 1.05}
""")
    backpack, zanbara = asked("--config", str(path), "--seed", "12", "--limit", "ip_trade=7", "--reject-replay")
    assert (backpack.seed, backpack.makers, backpack.limits.period_ms) == (12, False, 9000)
    assert backpack.accounts == (AccountConfig("me", {"USDC": Decimal("0.1")}, ip_whitelist=("203.0.113.0/24",)),)
    assert backpack.limits.limits == {"standard": 5, "historical": 30, "withdrawal": 10}
    assert zanbara.limits.limits is not None
    assert (zanbara.limits.limits["ip_trade"], zanbara.limits.limits["key_trade"]) == (7, 120)
    assert (zanbara.zanbara.environment, zanbara.zanbara.reject_replay) == ("testnet", True)
    assert zanbara.zanbara.liquidation_ratio == Decimal("1.05")


def test_a_file_may_be_json_and_name_the_venue(tmp_path: Path) -> None:
    path = tmp_path / "sandbox.json"
    path.write_text(json.dumps({"venue": "zanbara", "port": 7000, "clock_start_ms": None}))
    assert asked("--config", str(path)) == [SandboxConfig(venue="zanbara", port=7000)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sead: 7", "sead: no such key; there are venue, host, port, seed"),
        ("zanbara: {enviroment: testnet}", "zanbara.enviroment: no such key; there are environment"),
        ("accounts: [{name: me, balances: {}, vip: 1}]", "accounts[0].vip: no such key"),
        ("accounts: [{name: me}]", "accounts[0]: object missing required field `balances`"),
        ("accounts: [{name: me, balances: {USDC: much}}]", "accounts[0].balances[...]: invalid decimal string"),
        ("accounts: [{name: me, balances: {}}, {name: me, balances: {}}]", "accounts: each name once"),
        ("seed: seven", "seed: expected `int`, got `str`"),
        ("clock: fast", "clock: invalid enum value 'fast'"),
        ("clock_rate: 0", "clock_rate: at least 1"),
        ("limits: {period_ms: 0}", "limits.period_ms: at least 1"),
        ("limits: {limits: {standart: 1}}", "limits.limits standart: classes are"),
        ("zanbara: {environment: prod}", "zanbara.environment: one of production, testnet"),
        ("venue: binance", "venue: one of backpack, zanbara, both"),
        ("port: http", "port: expected a number"),
        ("- seed", "sandbox.yaml: expected keys and values"),
        ("seed: [", "sandbox.yaml: not YAML"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "sandbox.yaml"
    path.write_text(text)
    with pytest.raises(BadConfiguration, match=re.escape(message)):
        asked("--config", str(path))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadConfiguration, match=r"nowhere\.yaml: No such file"):
        asked("--config", str(tmp_path / "nowhere.yaml"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--limit", "standard=1"), "--limit standard: classes are ip_batch, ip_market"),
        (("--limit", "ip_trade"), "--limit ip_trade: expected a name, `=` and a number"),
        (("--vip", "nobody=1"), "--vip nobody: no such account"),
        (("--vip", "desk-a=5"), "--vip: levels are 0 to 4"),
    ],
)
def test_options_that_cannot_be_read_are_named(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(BadConfiguration, match=re.escape(message)):
        asked("--venue", "zanbara", *arguments)


async def test_a_bad_option_ends_the_process_with_its_name() -> None:
    async with process("--limit", "ip_trade=few") as started:
        async with asyncio.timeout(20):
            _, errors = await started.communicate()
        assert (started.returncode, errors) == (
            2,
            b"sandbox: --limit ip_trade=few: expected a name, `=` and a number\n",
        )


# -- the process -------------------------------------------------------------------------------------------------------


async def test_both_venues_run_in_one_process_and_say_where() -> None:
    async with process("--port", "0", "--no-makers") as started:
        assert started.stdout is not None
        async with asyncio.timeout(20):
            ready = [json.loads(await started.stdout.readline()) for _ in range(2)]
        assert [line["venue"] for line in ready] == ["backpack", "zanbara"]
        async with httpx.AsyncClient(trust_env=False) as http:
            assert (await http.get(f"{ready[0]['url']}/api/v1/ping")).text == "pong"
            assert (await http.get(f"{ready[1]['url']}/v1/system/time")).json()["success"] is True
        started.send_signal(signal.SIGTERM)
        assert await started.wait() == 0


def test_at_a_terminal_it_says_where_it_is_and_the_keys() -> None:
    master, terminal = os.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "sandbox", "--with-parent", "--port", "0"], stdout=terminal
    ) as started:
        os.close(terminal)
        said = ""
        while "Ctrl-C ends it" not in said:
            said += os.read(master, 4096).decode()
        started.send_signal(signal.SIGINT)
        assert started.wait(10) == 0
    os.close(master)
    assert len(re.findall(r"^  REST +http://127\.0\.0\.1:\d+\r$", said, re.MULTILINE)) == 2
    assert len(re.findall(r"^  WebSocket +ws://127\.0\.0\.1:\d+(/ws)?\r$", said, re.MULTILINE)) == 2
    assert re.search(r"^import ccxt\r$", said, re.MULTILINE)
    assert all(said.count(f"  {name} ") == 2 for name in ("desk-a", "desk-b", "desk-poor"))


@pytest.mark.skipif(any(shutil.which(name) is None for name in ("bash", "curl", "openssl")), reason="needs a shell")
async def test_the_lines_to_paste_trade_on_both_venues() -> None:
    async with process("--port", "0", "--no-makers", "--book-levels", "5") as started:
        assert started.stdout is not None
        async with asyncio.timeout(20):
            urls = [json.loads(await started.stdout.readline())["url"] for _ in range(2)]
        async with httpx.AsyncClient(trust_env=False) as http:
            keys = [(await http.get(f"{url}/sim/accounts")).json()["accounts"][0]["credentials"] for url in urls]
        bids, order, orders = (await pasted(sys.executable, backpack_snippet(urls[0], keys[0]))).splitlines()
        assert bids.startswith("[[")
        assert orders == f"['{order}']"
        said = await pasted("bash", zanbara_snippet(urls[1], keys[1]))
        assert [answer["success"] for answer in answers_in(said)] == [True, True]
        assert '"symbol":"SOL-PERP"' in said


async def pasted(program: str, lines: str) -> str:
    """What a program says that is fed the lines."""
    flag = "-s" if program == "bash" else "-"
    running = await asyncio.create_subprocess_exec(program, flag, stdin=-1, stdout=-1)
    async with asyncio.timeout(30):
        said, _ = await running.communicate(lines.encode())
    assert running.returncode == 0
    return said.decode()


def answers_in(text: str) -> list[dict[str, object]]:
    """curl prints one answer right after the other."""
    answers, at = [], 0
    while at < len(text):
        answer, at = json.JSONDecoder().raw_decode(text, at)
        answers.append(answer)
    return answers
