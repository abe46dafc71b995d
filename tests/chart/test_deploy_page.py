"""docs/deploy.md from top to bottom: its commands are run, up to an order at a simulated venue."""

import json
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import redis
import yaml

from gateway.cli.stack import VenueProcess
from gateway.store.wire import Address
from tests.chart.cluster import Cluster
from tests.chart.rendering import CHART, ROOT, notes, over, render, the
from tests.redis_process import RedisProcess

PAGE = (ROOT / "docs/deploy.md").read_text()
PASSWORD = "of-the-test"


def _section(title: str) -> str:
    return PAGE.split(f"\n## {title}")[1].split("\n## ")[0]


def _commands(*numbers: int) -> list[str]:
    """The blocks of these steps."""
    return [block for number in numbers for block in re.findall(r"```sh\n(.*?)```", _section(f"{number}."), re.DOTALL)]


def _answers(text: str) -> list[Any]:
    """One JSON value after the other."""
    found, decoder, at = [], json.JSONDecoder(), 0
    while at < len(text):
        value, at = decoder.raw_decode(text, at)
        found.append(value)
    return found


@pytest.fixture(scope="module")
def values() -> dict[str, Any]:
    [text] = re.findall(r"```yaml\n(.*?)```", _section("4."), re.DOTALL)
    read = yaml.safe_load(text)
    assert isinstance(read, dict)
    return read


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    return Cluster(tmp_path_factory.mktemp("cluster"))


def _run(cluster: Cluster, blocks: Sequence[str], **variables: str) -> str:
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(blocks)],
        cwd=cluster.directory,
        env=cluster.environment | variables,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.fixture(scope="module")
def client_secret(cluster: Cluster, values: Mapping[str, Any], crossgate_sandbox: Mapping[str, VenueProcess]) -> str:
    """What the page's user holds after step 5."""
    [account] = [one for one in crossgate_sandbox["backpack"].accounts if one["name"] == "desk-a"]
    for field, file in (("api_key", "main-01.key"), ("api_secret", "main-01.secret")):
        (cluster.directory / file).write_text(account["credentials"][field])
    (cluster.directory / "ca.crt").write_text("an authority")
    told = _run(cluster, _commands(1, 2, 3))
    [secret] = re.findall(r"api_secret: (\S+)", told)
    [hashed] = re.findall(r"key_sha256: \[(\w+)\]", told)
    mine = over(values, {"config": {"clients": {"sa-01": {"key_sha256": [hashed]}}}})
    (cluster.directory / "values.yaml").write_text(yaml.safe_dump(mine))
    _run(cluster, _commands(5)[:1])
    return str(secret)


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    """A Redis with the page's user, and no other that may do anything."""
    [rule] = re.findall(r"```text\n(ACL SETUSER .*?)\n```", PAGE)
    with RedisProcess(tcp=True) as process:
        with redis.Redis.from_url(process.url) as connection:
            connection.execute_command(*rule.replace("PASSWORD", PASSWORD).split())
            connection.execute_command("ACL", "SETUSER", "default", "off")
        yield process.url.replace("redis://", f"redis://crossgate:{PASSWORD}@")


@pytest.fixture(scope="module")
def port(
    cluster: Cluster, client_secret: str, redis_url: str, crossgate_sandbox: Mapping[str, VenueProcess]
) -> Iterator[int]:
    del client_secret  # the steps before have been taken
    venue = crossgate_sandbox["backpack"]
    simulated = {"environment": "sandbox", "rest_url": venue.url, "ws_url": venue.ws_url}
    overrides = {
        "CROSSGATE_VENUES": json.dumps({"backpack": simulated}),
        "CROSSGATE_LIMITER__ASSUME_UNSPENT": "true",  # the venue began with us
    }
    with cluster.pod(redis_url, overrides) as found:
        yield found


def test_the_page_leads_to_a_first_order_and_takes_it_back(cluster: Cluster, client_secret: str, port: int) -> None:
    blocks = [block.replace("127.0.0.1:8080", f"127.0.0.1:{port}") for block in _commands(5, 6)[1:]]
    ready, status, placed, cancelled = _answers(_run(cluster, blocks, SECRET=client_secret))
    assert ready["status"] == "ready"
    assert status["data"]["status"] in {"ok", "degraded"}
    assert placed["data"]["status"] == "pending", placed
    assert cancelled["data"]["status"] == "cancelled", cancelled


def test_its_user_of_redis_may_do_nothing_else(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as connection:
        for command in (("FLUSHALL",), ("KEYS", "*"), ("CONFIG", "GET", "*"), ("GET", "other"), ("SHUTDOWN",)):
            with pytest.raises(redis.exceptions.NoPermissionError):
                connection.execute_command(*command)


def test_the_url_it_shows_is_one_that_verifies_with_a_private_authority(cluster: Cluster, client_secret: str) -> None:
    del client_secret
    connection: Any = Address.parse(cluster.secret("crossgate-redis", "url")).connection
    assert (connection.host, connection.username) == ("redis.example", "crossgate")
    assert connection.ssl_context.ca_certs == "/etc/crossgate/redis-tls/ca.crt"
    assert connection.ssl_context.check_hostname is True
    spec = the(cluster.manifests, "Deployment")["spec"]["template"]["spec"]
    assert {"name": "redis-tls", "mountPath": "/etc/crossgate/redis-tls", "readOnly": True} in spec["containers"][0][
        "volumeMounts"
    ]


def test_every_secret_that_is_mounted_was_made_on_the_way(cluster: Cluster, client_secret: str) -> None:
    del client_secret
    deployment = json.dumps(the(cluster.manifests, "Deployment")["spec"]["template"]["spec"])
    mounted = set(re.findall(r'"(?:secretName|name)": "(crossgate-[\w-]+)"', deployment))
    assert mounted == {path.name for path in (cluster.directory / "secrets").iterdir()}


def test_the_values_it_shows_are_warned_of_nothing(values: Mapping[str, Any]) -> None:
    assert "WARNING" not in notes(values)


def test_a_trial_takes_two_values_less(values: Mapping[str, Any]) -> None:
    trial = {name: value for name, value in values.items() if name not in {"redis", "networkPolicy"}}
    assert the(render({**trial, "valkey": {"enabled": True}}), "StatefulSet", "crossgate-valkey")


def test_its_links_lead_somewhere() -> None:
    for page in (ROOT / "docs/deploy.md", CHART / "README.md"):
        links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)]+)\)", page.read_text())]
        assert links
        assert [link for link in links if link and not (page.parent / link).exists()] == []


def test_what_it_runs_without_a_cluster_is_what_the_image_expects() -> None:
    dockerfile = Path(ROOT / "Dockerfile").read_text()
    assert "CROSSGATE_CONFIG=/etc/crossgate/crossgate.yaml" in dockerfile
    assert ":/etc/crossgate/crossgate.yaml:ro" in _section("Without Kubernetes")
    assert "user 10001" in _section("Without Kubernetes")
    assert "USER 10001:10001" in dockerfile
