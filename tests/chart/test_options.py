"""What each option that the chart's README.md documents comes to."""

import json
import re
from pathlib import Path
from typing import Any

import yaml

from gateway.app import create_app
from gateway.auth.secrets import new_seed
from gateway.config_file import load
from tests.chart.rendering import (
    CHART,
    OPTIONS,
    REDIS_ELSEWHERE,
    TRIAL,
    Manifest,
    notes,
    of_kind,
    over,
    render,
    the,
)


def _pod(values: dict[str, Any]) -> dict[str, Any]:
    spec = the(render(values), "Deployment")["spec"]["template"]["spec"]
    assert isinstance(spec, dict)
    return spec


def _gateway(values: dict[str, Any]) -> dict[str, Any]:
    [container] = _pod(values)["containers"]
    assert isinstance(container, dict)
    return container


def _mounts(values: dict[str, Any]) -> dict[str, str]:
    return {mount["name"]: mount["mountPath"] for mount in _gateway(values)["volumeMounts"]}


def _volume(values: dict[str, Any], name: str) -> dict[str, Any]:
    [found] = [volume for volume in _pod(values)["volumes"] if volume["name"] == name]
    return dict(found)


def _variables(values: dict[str, Any]) -> dict[str, Any]:
    return {variable.pop("name"): variable for variable in _gateway(values)["env"]}


def _configuration(values: dict[str, Any], directory: Path) -> Path:
    """The configuration as it is mounted, with secrets beside it."""
    path = directory / "crossgate.yaml"
    text = the(render(values), "ConfigMap")["data"]["crossgate.yaml"]
    for name in ("tokens.key", "ids.key", "seal.key"):
        (directory / name).write_text(new_seed())
    path.write_text(text.replace("/etc/crossgate/secrets", str(directory)))
    return path


def test_the_gateway_takes_the_configuration_of_the_default_values(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("CROSSGATE_REDIS_URL", "redis://127.0.0.1")
    settings = load(_configuration(REDIS_ELSEWHERE, tmp_path))
    create_app(settings, "redis://127.0.0.1")
    assert (settings.server.host, settings.server.metrics_host) == ("0.0.0.0", "0.0.0.0")
    assert (settings.server.port, settings.server.metrics_port) == (8080, 9090)


def test_large_numbers_reach_the_gateway_as_numbers(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("CROSSGATE_REDIS_URL", "redis://127.0.0.1")
    settings = load(_configuration(over(TRIAL, {"config": {"archive": {"rotate_bytes": 1_000_000}}}), tmp_path))
    assert settings.archive.rotate_bytes == 1_000_000


def test_a_changed_configuration_replaces_the_pods() -> None:
    def sums(values: dict[str, Any]) -> tuple[str, str]:
        notes = the(render(values), "Deployment")["spec"]["template"]["metadata"]["annotations"]
        return notes["checksum/config"], notes["checksum/secrets"]

    config, secrets = sums(TRIAL)
    assert sums(over(TRIAL, {"config": {"log": {"level": "DEBUG"}}}))[0] != config
    assert sums(over(TRIAL, {"secrets": {"existing": ["other"]}}))[1] != secrets
    assert sums(over(TRIAL, {"replicas": 5})) == (config, secrets)


def test_a_pod_has_time_to_drain() -> None:
    assert _pod(TRIAL)["terminationGracePeriodSeconds"] == 5 + 30
    assert _pod(over(TRIAL, {"config": {"server": {"drain_s": 12.5}}}))["terminationGracePeriodSeconds"] == 13 + 30


def test_probes_ask_what_they_should() -> None:
    container = _gateway(TRIAL)
    paths = {name: container[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "readiness", "liveness")}
    assert paths == {"startup": "/healthz", "readiness": "/readyz", "liveness": "/healthz"}


def test_ports_are_those_of_the_configuration() -> None:
    values = over(TRIAL, {"config": {"server": {"port": 8000, "metrics_port": 9000}}})
    assert {port["name"]: port["containerPort"] for port in _gateway(values)["ports"]} == {
        "http": 8000,
        "metrics": 9000,
    }
    manifests = render(values)
    [port] = the(manifests, "Service")["spec"]["ports"]
    assert (port["port"], port["targetPort"]) == (8080, "http")
    [port] = the(manifests, "Service", "crossgate-metrics")["spec"]["ports"]
    assert (port["port"], port["targetPort"]) == (9000, "metrics")


def test_publishing_the_api_does_not_publish_the_metrics() -> None:
    manifests = render(OPTIONS["load-balancer"])
    published = the(manifests, "Service")
    assert published["spec"]["type"] == "LoadBalancer"
    assert published["metadata"]["annotations"] == {"a/b": "c"}
    assert [port["port"] for port in published["spec"]["ports"]] == [80]
    assert the(manifests, "Service", "crossgate-metrics")["spec"]["type"] == "ClusterIP"


def test_the_url_of_redis_comes_from_a_secret_from_the_values_or_from_the_trial_server() -> None:
    def url(option: str) -> Any:
        return _variables(OPTIONS[option])["CROSSGATE_REDIS_URL"]

    assert url("least") == {"valueFrom": {"secretKeyRef": {"name": "crossgate-redis", "key": "url"}}}
    assert url("redis-url") == {"value": "rediss://redis:6379/0"}
    assert url("trial") == {"value": "redis://crossgate-valkey:6379/0"}


def test_an_authority_for_redis_is_a_file() -> None:
    assert _mounts(OPTIONS["redis-tls"])["redis-tls"] == "/etc/crossgate/redis-tls"
    assert _volume(OPTIONS["redis-tls"], "redis-tls")["secret"]["secretName"] == "redis-tls"
    assert "redis-tls" not in _mounts(REDIS_ELSEWHERE)


def test_secrets_are_files_of_all_the_secrets_named() -> None:
    assert _mounts(TRIAL)["secrets"] == "/etc/crossgate/secrets"
    sources = _volume(OPTIONS["many-secrets"], "secrets")["projected"]["sources"]
    assert [source["secret"]["name"] for source in sources] == ["crossgate-keys", "zb-03", "zb-04"]
    assert of_kind(render(OPTIONS["many-secrets"]), "Secret") == []


def test_a_secret_is_made_of_what_the_values_hold() -> None:
    made = the(render(OPTIONS["secrets-of-its-own"]), "Secret")
    assert made["data"] == dict.fromkeys(("tokens.key", "ids.key", "seal.key"), "eA==")
    sources = _volume(OPTIONS["secrets-of-its-own"], "secrets")["projected"]["sources"]
    assert [source["secret"]["name"] for source in sources] == ["crossgate"]


def test_the_archive_is_a_claim_mounted_where_the_configuration_says() -> None:
    assert _mounts(OPTIONS["archive"])["archive"] == "/var/lib/crossgate/archive"
    assert _volume(OPTIONS["archive"], "archive")["persistentVolumeClaim"] == {"claimName": "journal"}


def test_the_trial_server_writes_before_it_answers_and_never_evicts() -> None:
    [container] = the(render(TRIAL), "StatefulSet", "crossgate-valkey")["spec"]["template"]["spec"]["containers"]
    arguments = dict(zip(container["args"][::2], container["args"][1::2], strict=True))
    assert arguments["--appendonly"] == "yes"
    assert arguments["--appendfsync"] == "always"
    assert arguments["--maxmemory-policy"] == "noeviction"
    assert arguments["--maxmemory"] == "1gb"
    assert of_kind(render(REDIS_ELSEWHERE), "StatefulSet") == []


def test_a_newer_chart_alone_does_not_restart_the_trial_server() -> None:
    template = the(render(TRIAL), "StatefulSet", "crossgate-valkey")["spec"]["template"]
    assert "0.1.0" not in json.dumps(template)


def test_replicas_follow_cpu_and_open_sockets() -> None:
    manifests = render(OPTIONS["autoscaling"])
    spec = the(manifests, "HorizontalPodAutoscaler")["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (3, 10)
    cpu, sockets = spec["metrics"]
    assert cpu["resource"]["target"]["averageUtilization"] == 70
    assert sockets["pods"] == {
        "metric": {"name": "crossgate_ws_clients"},
        "target": {"type": "AverageValue", "averageValue": "2000"},
    }
    assert "replicas" not in the(manifests, "Deployment")["spec"]
    assert the(render(over(TRIAL, {"replicas": 5})), "Deployment")["spec"]["replicas"] == 5


def test_an_ingress_leaves_quiet_sockets_open() -> None:
    ingress = the(render(OPTIONS["ingress"]), "Ingress")
    prefix = "nginx.ingress.kubernetes.io/"
    assert ingress["metadata"]["annotations"] == {
        f"{prefix}proxy-read-timeout": "3600",
        f"{prefix}proxy-send-timeout": "3600",
        f"{prefix}proxy-buffering": "off",
        f"{prefix}proxy-body-size": "2m",
    }
    assert ingress["spec"]["ingressClassName"] == "nginx"
    assert ingress["spec"]["tls"] == [{"secretName": "crossgate-tls", "hosts": ["crossgate.example"]}]
    [rule] = ingress["spec"]["rules"]
    assert rule["host"] == "crossgate.example"
    assert rule["http"]["paths"][0]["backend"]["service"] == {"name": "crossgate", "port": {"name": "http"}}


def _ports_by_peer(manifests: list[Manifest]) -> list[tuple[str, list[Any]]]:
    return [
        (json.dumps(rule["to"]), [port["port"] for port in rule["ports"]])
        for rule in the(manifests, "NetworkPolicy")["spec"]["egress"]
    ]


def test_it_may_reach_names_redis_and_the_venues_and_no_more() -> None:
    dns, redis, venues = _ports_by_peer(render(REDIS_ELSEWHERE))
    assert dns[1] == [53, 53]
    assert redis == ('[{"ipBlock": {"cidr": "10.0.7.0/24"}}]', [6379])
    assert venues[1] == [443]
    assert {"10.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"} <= set(
        re.findall(r"[0-9.]+/[0-9]+", venues[0])
    )


def test_it_may_reach_the_proxies_and_collectors_it_is_told_of() -> None:
    _, _, venues, proxies, collectors = _ports_by_peer(render(OPTIONS["egress"]))
    assert venues == ('[{"ipBlock": {"cidr": "198.51.100.0/24"}}]', [443])
    assert proxies == ('[{"podSelector": {"matchLabels": {"app": "egress-b"}}}]', [3128])
    assert collectors == ('[{"namespaceSelector": {}}]', [4317])


def test_the_trial_server_is_reached_by_the_gateway_alone() -> None:
    policy = the(render(TRIAL), "NetworkPolicy", "crossgate-valkey")["spec"]
    [rule] = policy["ingress"]
    assert rule["from"][0]["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "gateway"
    assert policy["egress"] == []


def test_the_budget_and_the_policies_can_be_left_out() -> None:
    manifests = render(OPTIONS["no-budget-no-policy"])
    assert of_kind(manifests, "PodDisruptionBudget") == of_kind(manifests, "NetworkPolicy") == []


def test_the_monitor_finds_the_metrics_and_no_other_service() -> None:
    manifests = render(OPTIONS["monitoring"])
    monitor = the(manifests, "ServiceMonitor")
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    chosen = [
        service["metadata"]["name"]
        for service in of_kind(manifests, "Service")
        if monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    ]
    assert chosen == ["crossgate-metrics"]
    assert [endpoint["port"] for endpoint in monitor["spec"]["endpoints"]] == ["metrics"]


def test_what_places_the_pods_is_passed_on() -> None:
    manifests = render(OPTIONS["placement"])
    template = the(manifests, "Deployment", "gate")["spec"]["template"]
    spec = template["spec"]
    [container] = spec["containers"]
    assert container["image"] == "registry.example/crossgate@sha256:" + "0" * 64
    assert spec["imagePullSecrets"] == [{"name": "pull"}]
    assert spec["priorityClassName"] == "trading"
    assert spec["nodeSelector"] == {"disk": "ssd"}
    assert spec["tolerations"] == [{"key": "trading", "operator": "Exists"}]
    assert spec["affinity"] == {"nodeAffinity": {}}
    assert spec["serviceAccountName"] == "trading"
    assert of_kind(manifests, "ServiceAccount") == []
    assert template["metadata"]["annotations"]["a"] == "b"
    assert template["metadata"]["labels"]["team"] == "trading"
    assert {"name": "CROSSGATE_LOG__LEVEL", "value": "DEBUG"} in container["env"]
    assert {"name": "extra", "mountPath": "/extra"} in container["volumeMounts"]
    assert {"name": "extra", "emptyDir": {}} in spec["volumes"]
    assert "runAsUser" not in spec["securityContext"]
    assert [one["topologyKey"] for one in spec["topologySpreadConstraints"]] == [
        "topology.kubernetes.io/zone",
        "kubernetes.io/hostname",
    ]


def test_the_notes_warn_of_what_is_for_trials_only() -> None:
    assert "valkey.enabled is for trials" in notes(TRIAL)
    assert "secrets.data is kept in the release" in notes(OPTIONS["secrets-of-its-own"])
    assert "config.auth.trusted_proxies is empty" in notes(OPTIONS["ingress"])
    assert "neither encrypted nor authenticated" in notes(
        over(REDIS_ELSEWHERE, {"redis": {"url": "redis://redis:6379", "existingSecret": {"name": ""}}})
    )
    assert "WARNING" not in notes(REDIS_ELSEWHERE)
    assert "https://crossgate.example   wss://crossgate.example/v1/ws" in notes(OPTIONS["ingress"])


def test_the_page_names_every_value_with_its_default() -> None:
    page = (CHART / "README.md").read_text()
    rows = dict(re.findall(r"^\| `([^`]+)` \| (.+?) \|", page, re.MULTILINE))
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    defaults = {name: f"`{json.dumps(value)}`" for name, value in _leaves(values) if name not in _EXPLAINED}
    assert {name: text for name, text in rows.items() if name not in _EXPLAINED} == defaults
    assert set(rows) >= _EXPLAINED


_EXPLAINED = {"config", "resources", "valkey.resources", "networkPolicy.venues.to"}
"""Values that are long, which the page describes."""


def _leaves(values: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    leaves = []
    for name, value in values.items():
        path = f"{prefix}{name}"
        if isinstance(value, dict) and value and path not in _EXPLAINED:
            leaves += _leaves(value, f"{path}.")
        else:
            leaves.append((path, value))
    return leaves


def test_the_chart_installs_the_version_it_came_with() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    project = (CHART.parents[1] / "pyproject.toml").read_text()
    assert f'version = "{chart["appVersion"]}"' in project
