"""What holds of every pod, whatever option is taken."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.chart.rendering import OPTIONS, Manifest, of_kind, pods, render, the


@pytest.fixture(scope="module", params=list(OPTIONS))
def manifests(request: pytest.FixtureRequest) -> list[Manifest]:
    return render(OPTIONS[request.param])


def _containers(manifests: list[Manifest]) -> Iterator[dict[str, Any]]:
    for pod in pods(manifests):
        yield from pod["spec"]["containers"]
        assert "initContainers" not in pod["spec"]


def test_nothing_runs_as_root(manifests: list[Manifest]) -> None:
    for pod in pods(manifests):
        assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
        assert pod["spec"]["securityContext"].get("runAsUser", 10_000) >= 10_000


def test_no_container_may_gain_or_write_anything(manifests: list[Manifest]) -> None:
    for container in _containers(manifests):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


def test_system_calls_are_filtered(manifests: list[Manifest]) -> None:
    assert {pod["spec"]["securityContext"]["seccompProfile"]["type"] for pod in pods(manifests)} == {"RuntimeDefault"}


def test_no_pod_can_speak_to_kubernetes(manifests: list[Manifest]) -> None:
    assert {pod["spec"]["automountServiceAccountToken"] for pod in pods(manifests)} == {False}
    assert {one["automountServiceAccountToken"] for one in of_kind(manifests, "ServiceAccount")} <= {False}
    assert [one["kind"] for one in manifests if "Role" in one["kind"]] == []


def test_no_pod_reaches_into_its_node(manifests: list[Manifest]) -> None:
    for pod in pods(manifests):
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod["spec"])
        assert [volume for volume in pod["spec"].get("volumes", []) if "hostPath" in volume] == []
    assert [port for container in _containers(manifests) for port in container["ports"] if "hostPort" in port] == []


def test_every_container_says_what_it_needs_and_is_bound_in_memory(manifests: list[Manifest]) -> None:
    for container in _containers(manifests):
        assert {"cpu", "memory"} <= set(container["resources"]["requests"])
        assert "memory" in container["resources"]["limits"]


def test_every_container_is_probed(manifests: list[Manifest]) -> None:
    for container in _containers(manifests):
        assert {"startupProbe", "readinessProbe", "livenessProbe"} <= set(container)


def test_no_image_is_the_latest(manifests: list[Manifest]) -> None:
    for container in _containers(manifests):
        assert "@sha256:" in container["image"] or container["image"].rpartition(":")[2] not in {"", "latest"}


def test_no_secret_stands_in_a_variable_or_the_configuration(manifests: list[Manifest]) -> None:
    for container in _containers(manifests):
        for variable in container.get("env", []):
            assert "@" not in variable.get("value", "")
    for held in of_kind(manifests, "ConfigMap"):
        assert "password" not in str(held["data"]).lower()


def test_services_set_no_variables_that_the_gateway_would_take_for_settings(manifests: list[Manifest]) -> None:
    assert {pod["spec"]["enableServiceLinks"] for pod in pods(manifests)} == {False}


def test_every_pod_is_under_a_policy_that_closes_both_directions(manifests: list[Manifest]) -> None:
    policies = of_kind(manifests, "NetworkPolicy")
    if not policies:
        pytest.skip("this option turns policies off")
    for pod in pods(manifests):
        labels = pod["metadata"]["labels"].items()
        [policy] = [one for one in policies if one["spec"]["podSelector"]["matchLabels"].items() <= labels]
        assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
        for rule in policy["spec"].get("ingress", []):
            assert rule["from"]
            assert rule["ports"]
        for rule in policy["spec"]["egress"]:
            assert rule["to"]
            assert rule["ports"]


def test_selectors_find_the_pods_they_mean_and_no_others(manifests: list[Manifest]) -> None:
    by_component = {pod["metadata"]["labels"]["app.kubernetes.io/component"]: pod for pod in pods(manifests)}
    for service in of_kind(manifests, "Service"):
        chosen = [
            component
            for component, pod in by_component.items()
            if service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
        ]
        assert chosen == ["valkey" if service["metadata"]["name"].endswith("-valkey") else "gateway"]


def test_objects_are_named_and_placed_alike(manifests: list[Manifest]) -> None:
    assert {one["metadata"]["namespace"] for one in manifests} == {"trading"}
    assert len({(one["kind"], one["metadata"]["name"]) for one in manifests}) == len(manifests)


def test_a_rollout_never_takes_a_replica_away_first(manifests: list[Manifest]) -> None:
    [deployment] = of_kind(manifests, "Deployment")
    assert deployment["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    name = deployment["metadata"]["name"]
    if of_kind(manifests, "PodDisruptionBudget"):
        assert the(manifests, "PodDisruptionBudget", name)["spec"]["maxUnavailable"] == 1
