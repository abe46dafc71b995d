"""`crossgate stack` around a command: what the command is told, what becomes of its exit code, and what is left."""

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

SHOW = "import json, os; print(json.dumps({k: v for k, v in os.environ.items() if k.startswith('CROSSGATE_')}))"
VENUE = ("--ports", "auto", "--venue", "zanbara", "--venues-only")


def stack(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "gateway", "stack", *arguments],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


def test_a_command_finds_the_whole_set_and_its_exit_code_is_ours(tmp_path: Path) -> None:
    """Variables of a set around this one do not reach the gateway, which would not know them."""
    script = tmp_path / "bot.py"
    script.write_text(f"""
import json, os, sys, urllib.request
{SHOW}
url, login = os.environ["CROSSGATE_URL"], {{"api_key": os.environ["CROSSGATE_API_KEY"]}}
login["api_secret"] = os.environ["CROSSGATE_API_SECRET"]
ask = urllib.request.Request(url + "/v1/auth/token", json.dumps(login).encode(), {{"Content-Type": "application/json"}})
token = json.load(urllib.request.urlopen(ask))["data"]["token"]
for account in (os.environ["CROSSGATE_BACKPACK_ACCOUNT"], os.environ["CROSSGATE_ZANBARA_ACCOUNT"]):
    ask = urllib.request.Request(f"{{url}}/v1/accounts/{{account}}", headers={{"Authorization": "Bearer " + token}})
    print(json.load(urllib.request.urlopen(ask))["data"]["venue"])
sys.exit(5)
""")
    done = stack("--ports", "auto", "--", sys.executable, str(script), CROSSGATE_URL="http://127.0.0.1:1")
    assert done.returncode == 5, done.stderr
    told, *venues = done.stdout.splitlines()
    assert venues == ["backpack", "zanbara"]
    assert sorted(json.loads(told)) == sorted(
        ["CROSSGATE_URL", "CROSSGATE_WS_URL", "CROSSGATE_API_KEY", "CROSSGATE_API_SECRET", "CROSSGATE_ACCOUNT"]
        + [
            f"CROSSGATE_{venue}_{what}"
            for venue in ("BACKPACK", "ZANBARA")
            for what in ("URL", "WS_URL", "API_KEY", "API_SECRET", "ACCOUNT")
        ]
    )


def test_the_env_file_says_the_same_and_is_gone_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "crossgate.env"
    show = f"import os, stat; print(stat.filemode(os.stat({str(path)!r}).st_mode)); print(open({str(path)!r}).read())"
    done = stack(*VENUE, "--env-file", str(path), "--", sys.executable, "-c", f"{SHOW}; {show}")
    assert done.returncode == 0, done.stderr
    told, mode, *lines = done.stdout.strip().splitlines()
    assert mode == stat.filemode(stat.S_IFREG | 0o600)
    assert dict(line.split("=", 1) for line in lines) == json.loads(told)
    assert not path.exists()


def test_the_venues_are_configured_by_a_file_and_a_wrong_key_is_named(tmp_path: Path) -> None:
    path = tmp_path / "sandbox.yaml"
    path.write_text("clock: stepped\nclock_start_ms: 1759800000000\n")
    ask = "import os, urllib.request as u; print(u.urlopen(os.environ['CROSSGATE_ZANBARA_URL'] + '/sim/clock').read())"
    done = stack(*VENUE, "--sandbox-config", str(path), "--", sys.executable, "-c", ask)
    assert '"time":1759800000000,"kind":"stepped"' in done.stdout, done.stderr
    path.write_text("clok: stepped\n")
    refused = stack(*VENUE, "--sandbox-config", str(path), "--", "true")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "clok: no such key" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_command_that_is_not_there_is_told_as_shells_do() -> None:
    done = stack("--", "no-such-command")
    assert (done.returncode, done.stdout, done.stderr) == (127, "", "crossgate: no command no-such-command\n")


def test_a_command_that_dies_by_a_signal_is_told_as_shells_do() -> None:
    assert stack(*VENUE, "--", "sh", "-c", "kill -KILL $$").returncode == 128 + signal.SIGKILL


def test_without_a_command_it_stays_up_until_it_is_ended() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "gateway", "stack", *VENUE], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as started:
        assert started.stdout is not None
        assert started.stderr is not None
        told = dict(started.stdout.readline().strip().split("=", 1) for _ in range(5))
        assert "Ctrl-C" in started.stderr.readline()
        url = told["CROSSGATE_ZANBARA_URL"]
        assert httpx.get(f"{url}/v1/system/time", trust_env=False).json()["success"] is True
        started.send_signal(signal.SIGTERM)
        assert started.wait(20) == 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/v1/system/time", trust_env=False)
