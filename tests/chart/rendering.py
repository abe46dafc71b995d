"""Renders the chart with the Helm of today, and reads what comes out."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import helm_python
import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm/crossgate"

Manifest = dict[str, Any]

REDIS_ELSEWHERE: dict[str, Any] = {
    "redis": {"existingSecret": {"name": "crossgate-redis"}},
    "networkPolicy": {"redis": {"to": [{"ipBlock": {"cidr": "10.0.7.0/24"}}]}},
    "secrets": {"existing": ["crossgate-keys"]},
}
"""The least that a release for real money says."""

TRIAL: dict[str, Any] = {"valkey": {"enabled": True}, "secrets": {"existing": ["crossgate-keys"]}}


def over(values: Mapping[str, Any], *more: Mapping[str, Any]) -> dict[str, Any]:
    """Values laid over values, as Helm does it."""
    merged = deepcopy(dict(values))
    for layer in more:
        for name, value in layer.items():
            both = isinstance(value, Mapping) and isinstance(merged.get(name), Mapping)
            merged[name] = over(merged[name], value) if both else deepcopy(value)
    return merged


OPTIONS: dict[str, dict[str, Any]] = {
    "least": REDIS_ELSEWHERE,
    "trial": TRIAL,
    "redis-url": over(REDIS_ELSEWHERE, {"redis": {"url": "rediss://redis:6379/0", "existingSecret": {"name": ""}}}),
    "redis-tls": over(REDIS_ELSEWHERE, {"redis": {"tls": {"existingSecret": "redis-tls"}}}),
    "secrets-of-its-own": over(
        TRIAL, {"secrets": {"existing": [], "data": dict.fromkeys(("tokens.key", "ids.key", "seal.key"), "x")}}
    ),
    "many-secrets": over(TRIAL, {"secrets": {"existing": ["crossgate-keys", "zb-03", "zb-04"]}}),
    "archive": over(
        TRIAL,
        {"archive": {"existingClaim": "journal"}, "config": {"archive": {"directory": "/var/lib/crossgate/archive"}}},
    ),
    "load-balancer": over(TRIAL, {"service": {"type": "LoadBalancer", "port": 80, "annotations": {"a/b": "c"}}}),
    "ingress": over(
        TRIAL,
        {
            "ingress": {
                "enabled": True,
                "className": "nginx",
                "annotations": {"nginx.ingress.kubernetes.io/proxy-body-size": "2m"},
                "hosts": ["crossgate.example"],
                "tls": [{"secretName": "crossgate-tls", "hosts": ["crossgate.example"]}],
            }
        },
    ),
    "autoscaling": over(TRIAL, {"autoscaling": {"enabled": True, "sockets": 2000}}),
    "no-budget-no-policy": over(
        TRIAL, {"podDisruptionBudget": {"enabled": False}, "networkPolicy": {"enabled": False}, "replicas": 1}
    ),
    "egress": over(
        REDIS_ELSEWHERE,
        {
            "networkPolicy": {
                "venues": {"to": [{"ipBlock": {"cidr": "198.51.100.0/24"}}]},
                "egressProxies": {"to": [{"podSelector": {"matchLabels": {"app": "egress-b"}}}]},
                "otlp": {"to": [{"namespaceSelector": {}}], "ports": [4317]},
            }
        },
    ),
    "monitoring": over(
        TRIAL,
        {
            "monitoring": {
                "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
                "prometheusRule": {"enabled": True, "labels": {"release": "prometheus"}},
            }
        },
    ),
    "placement": over(
        TRIAL,
        {
            "image": {"repository": "registry.example/crossgate", "digest": "sha256:" + "0" * 64},
            "imagePullSecrets": [{"name": "pull"}],
            "priorityClassName": "trading",
            "nodeSelector": {"disk": "ssd"},
            "tolerations": [{"key": "trading", "operator": "Exists"}],
            "affinity": {"nodeAffinity": {}},
            "podAnnotations": {"a": "b"},
            "podLabels": {"team": "trading"},
            "extraEnv": [{"name": "CROSSGATE_LOG__LEVEL", "value": "DEBUG"}],
            "extraVolumes": [{"name": "extra", "emptyDir": {}}],
            "extraVolumeMounts": [{"name": "extra", "mountPath": "/extra"}],
            "serviceAccount": {"create": False, "name": "trading"},
            "runAsUser": None,
            "fullnameOverride": "gate",
        },
    ),
}
"""A release for each option that README.md documents."""


def render(values: Mapping[str, Any], *, namespace: str = "trading") -> list[Manifest]:
    """What Helm would install. Raises `helm_python.HelmError`, whose message is what its user would read."""
    with helm_python.Chart.load(str(CHART)) as chart:
        texts = chart.render(dict(values), name="crossgate", namespace=namespace)
    return [
        manifest
        for name, text in texts.items()
        if not name.endswith("NOTES.txt")
        for manifest in yaml.safe_load_all(text)
        if manifest
    ]


def notes(values: Mapping[str, Any]) -> str:
    """What Helm tells after it has installed them."""
    with helm_python.Chart.load(str(CHART)) as chart:
        texts = chart.render(dict(values), name="crossgate", namespace="trading")
    [text] = [text for name, text in texts.items() if name.endswith("NOTES.txt")]
    return str(text)


def of_kind(manifests: list[Manifest], kind: str) -> list[Manifest]:
    return [manifest for manifest in manifests if manifest["kind"] == kind]


def the(manifests: list[Manifest], kind: str, name: str = "crossgate") -> Manifest:
    """The one of that kind and name."""
    [found] = [manifest for manifest in of_kind(manifests, kind) if manifest["metadata"]["name"] == name]
    return found


def pods(manifests: list[Manifest]) -> Iterator[Manifest]:
    """The pods that are made, by whatever makes them."""
    for manifest in manifests:
        if manifest["kind"] in {"Deployment", "StatefulSet"}:
            yield manifest["spec"]["template"]
