"""The alerts: Prometheus reads them, they fire when they should, and each has its page in docs/operations.md."""

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import prometheus_client
import pytest
import yaml

import gateway.app  # noqa: F401  # whatever it runs registers its metrics
from tests.chart.rendering import OPTIONS, ROOT, over, render, the

PROMTOOL = ROOT / ".venv/chart/promtool"
OPERATIONS = (ROOT / "docs/operations.md").read_text()
LABELS = 'namespace="trading", job="crossgate-metrics", pod="crossgate-1"'


@pytest.fixture(scope="module")
def rules() -> list[dict[str, Any]]:
    spec = the(render(OPTIONS["monitoring"]), "PrometheusRule")["spec"]
    return [rule for group in spec["groups"] for rule in group["rules"]]


def test_each_says_how_bad_it_is_what_it_means_and_where_to_read_on(rules: list[dict[str, Any]]) -> None:
    assert len({rule["alert"] for rule in rules}) == len(rules)
    for rule in rules:
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert re.fullmatch(r"\d+[sm]", rule["for"])
        assert {"summary", "description", "runbook_url"} <= set(rule["annotations"])


def test_each_watches_this_release_alone(rules: list[dict[str, Any]]) -> None:
    for rule in rules:
        assert rule["expr"].count("{") == rule["expr"].count('namespace="trading", job="crossgate-metrics"}')


def test_each_names_only_metrics_that_there_are(rules: list[dict[str, Any]]) -> None:
    named = {name for rule in rules for name in re.findall(r"crossgate_\w+", rule["expr"])}
    named.add("crossgate_ws_clients")  # what replicas are scaled by
    known = prometheus_client.REGISTRY._names_to_collectors
    assert sorted(named - set(known)) == []


def test_each_watches_only_labels_that_the_metric_has(rules: list[dict[str, Any]]) -> None:
    of_prometheus = {"namespace", "job", "pod", "le"}
    known = prometheus_client.REGISTRY._names_to_collectors
    for rule in rules:
        for metric in set(re.findall(r"crossgate_\w+", rule["expr"])):
            asked = set(re.findall(r"(\w+)=~?\"", rule["expr"]))
            for group in re.findall(r"by \(([^)]*)\)", rule["expr"]):
                asked |= set(group.split(", "))
            asked |= set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
            has = set(getattr(known.get(metric), "_labelnames", ()))
            assert asked - of_prometheus <= has, rule["alert"]


def test_each_asks_for_values_that_the_code_has(rules: list[dict[str, Any]]) -> None:
    code = "".join(path.read_text() for name in ("gateway", "adapters") for path in (ROOT / name).rglob("*.py"))
    asked = {
        value
        for rule in rules
        for values in re.findall(r'(?:what|channel)=~?"([^"]*)"', rule["expr"])
        for value in values.split("|")
    }
    assert asked
    assert [value for value in sorted(asked) if f'"{value}"' not in code] == []


def test_each_has_its_page(rules: list[dict[str, Any]]) -> None:
    headings = re.findall(r"^### (\w+)$", OPERATIONS.split("## Alerts\n")[1].split("\n## ")[0], re.MULTILINE)
    assert headings == [rule["alert"] for rule in rules]
    for rule in rules:
        assert rule["annotations"]["runbook_url"] == f"docs/operations.md#{rule['alert'].lower()}"


def test_the_page_may_stand_elsewhere() -> None:
    values = over(
        OPTIONS["monitoring"], {"monitoring": {"prometheusRule": {"runbookUrl": "https://wiki.example/crossgate"}}}
    )
    rule = the(render(values), "PrometheusRule")["spec"]["groups"][0]["rules"][0]
    assert rule["annotations"]["runbook_url"] == "https://wiki.example/crossgate#crossgateorderstuck"


HEALTHY = {
    f"up{{{LABELS}}}": "1x60",
    f"crossgate_ready{{{LABELS}}}": "1x60",
    f"crossgate_redis_up{{{LABELS}}}": "1x60",
    f"crossgate_background_tasks_dead{{{LABELS}}}": "0x60",
    f'crossgate_orders_stuck{{account="zb-03", {LABELS}}}': "0x60",
    f'crossgate_orders_unknown{{account="zb-03", {LABELS}}}': "0x60",
    f'crossgate_duplicate_orders{{account="zb-03", {LABELS}}}': "0x60",
    f'crossgate_account_ready{{account="zb-03", {LABELS}}}': "1x60",
    f'crossgate_private_stream_up{{account="zb-03", {LABELS}}}': "1x60",
    f'crossgate_venue_circuits_open{{venue="zanbara", kind="order", {LABELS}}}': "0x60",
    f'crossgate_fanout_topics_unsound{{venue="zanbara", channel="orderbook", {LABELS}}}': "0x60",
    f'crossgate_fanout_topics_unsound{{venue="zanbara", channel="ticker", {LABELS}}}': "1x60",
    f'crossgate_clock_offset_seconds{{venue="zanbara", {LABELS}}}': "-0.02x60",
    f'crossgate_clock_measured{{venue="zanbara", {LABELS}}}': "1x60",
    f'crossgate_limiter_without_store{{venue="zanbara", {LABELS}}}': "0x60",
    f'crossgate_limiter_incidents_total{{venue="zanbara", what="no_answer", {LABELS}}}': "0+1x60",
    f'crossgate_http_requests_total{{method="GET", route="/v1/markets", status="200", {LABELS}}}': "0+500x60",
    f'crossgate_dead_man_fired_total{{account="zb-03", {LABELS}}}': "4x60",
    f"crossgate_redis_memory_used_bytes{{{LABELS}}}": "500x60",
    f"crossgate_redis_memory_max_bytes{{{LABELS}}}": "1000x60",
    f'crossgate_loop_lag_seconds_bucket{{le="0.01", {LABELS}}}': "0+100x60",
    f'crossgate_loop_lag_seconds_bucket{{le="0.25", {LABELS}}}': "0+100x60",
    f'crossgate_loop_lag_seconds_bucket{{le="+Inf", {LABELS}}}': "0+100x60",
}
"""A minute a sample, an hour long."""

SCENES: dict[str, tuple[dict[str, str], set[str]]] = {
    "all is well": ({}, set()),
    "an order is stuck": (
        {f'crossgate_orders_stuck{{account="zb-03", {LABELS}}}': "0x29 1x30"},
        {"CrossgateOrderStuck"},
    ),
    "orders stay unknown": (
        {f'crossgate_orders_unknown{{account="zb-03", {LABELS}}}': "0x20 3x39"},
        {"CrossgateOrdersUnknown"},
    ),
    "two orders under one id": (
        {f'crossgate_duplicate_orders{{account="zb-03", {LABELS}}}': "1x60"},
        {"CrossgateDuplicateOrders"},
    ),
    "an account is not ready": (
        {f'crossgate_account_ready{{account="zb-03", {LABELS}}}': "0x60"},
        {"CrossgateAccountNotReady"},
    ),
    "an account's stream is down": (
        {f'crossgate_private_stream_up{{account="zb-03", {LABELS}}}': "0x60"},
        {"CrossgatePrivateStreamDown"},
    ),
    "an account's stream was taken over by another replica": (
        {
            f'crossgate_private_stream_up{{account="zb-03", {LABELS}}}': "0x60",
            f'crossgate_private_stream_up{{account="zb-03", {LABELS.replace("-1", "-2")}}}': "1x60",
        },
        set(),
    ),
    "a dead-man switch fires for the first time": (
        {f'crossgate_dead_man_fired_total{{account="zb-04", {LABELS}}}': "_x25 1x34"},
        {"CrossgateDeadManFired"},
    ),
    "a dead-man switch fires again": (
        {f'crossgate_dead_man_fired_total{{account="zb-03", {LABELS}}}': "4x25 5x34"},
        {"CrossgateDeadManFired"},
    ),
    "a dead-man switch fired long ago": (
        {f'crossgate_dead_man_fired_total{{account="zb-04", {LABELS}}}': "_x5 1x54"},
        set(),
    ),
    "the venue says too many, for the first time": (
        {f'crossgate_limiter_incidents_total{{venue="zanbara", what="venue_refused", {LABELS}}}': "_x25 1x34"},
        {"CrossgateVenueRefusedCalls"},
    ),
    "the venue bans": (
        {f'crossgate_limiter_incidents_total{{venue="zanbara", what="venue_banned", {LABELS}}}': "1x25 2x34"},
        {"CrossgateVenueRefusedCalls"},
    ),
    "a breaker is open": (
        {f'crossgate_venue_circuits_open{{venue="zanbara", kind="order", {LABELS}}}': "1x60"},
        {"CrossgateBreakerOpen"},
    ),
    "books are stale": (
        {f'crossgate_fanout_topics_unsound{{venue="zanbara", channel="orderbook", {LABELS}}}': "2x60"},
        {"CrossgateBooksStale"},
    ),
    "a book is mended within a minute": (
        {f'crossgate_fanout_topics_unsound{{venue="zanbara", channel="orderbook", {LABELS}}}': "0x29 1 0x29"},
        set(),
    ),
    "a clock is behind": (
        {f'crossgate_clock_offset_seconds{{venue="zanbara", {LABELS}}}': "-0.7x60"},
        {"CrossgateClockOffset"},
    ),
    "a clock is not measured": (
        {f'crossgate_clock_measured{{venue="zanbara", {LABELS}}}': "0x60"},
        {"CrossgateClockUnmeasured"},
    ),
    "logins fail": (
        {f'crossgate_token_failures_total{{venue="zanbara", {LABELS}}}': "0x20 0+1x39"},
        {"CrossgateLoginsFail"},
    ),
    "Redis is gone": (
        {
            f"crossgate_redis_up{{{LABELS}}}": "0x60",
            f"crossgate_ready{{{LABELS}}}": "0x60",
            f'crossgate_limiter_without_store{{venue="zanbara", {LABELS}}}': "1x60",
        },
        {"CrossgateRedisDown", "CrossgateReplicaNotReady", "CrossgateLimiterWithoutRedis"},
    ),
    "Redis fills": ({f"crossgate_redis_memory_used_bytes{{{LABELS}}}": "800x60"}, {"CrossgateRedisFilling"}),
    "Redis is full": (
        {f"crossgate_redis_memory_used_bytes{{{LABELS}}}": "860x60"},
        {"CrossgateRedisFilling", "CrossgateRedisFull"},
    ),
    "Redis has no bound": ({f"crossgate_redis_memory_max_bytes{{{LABELS}}}": "0x60"}, set()),
    "nobody is there": ({f"up{{{LABELS}}}": "1x20 0x39"}, {"CrossgateAbsent"}),
    "a task died": (
        {f"crossgate_background_tasks_dead{{{LABELS}}}": "1x60", f"crossgate_ready{{{LABELS}}}": "0x60"},
        {"CrossgateBackgroundTaskDied", "CrossgateReplicaNotReady"},
    ),
    "a request failed through our fault": (
        {f'crossgate_http_requests_total{{method="GET", route="/v1/markets", status="500", {LABELS}}}': "_x25 1x34"},
        {"CrossgateServerErrors"},
    ),
    "a loop is late": (
        {f'crossgate_loop_lag_seconds_bucket{{le="0.01", {LABELS}}}': "0+50x60"},
        {"CrossgateLoopLag"},
    ),
    "somebody guesses secrets": (
        {f'crossgate_auth_failures_total{{code="AUTHENTICATION_FAILED", {LABELS}}}': "0+300x60"},
        {"CrossgateAuthFailures"},
    ),
    "the archive fails": (
        {f'crossgate_archive_failures_total{{account="zb-03", {LABELS}}}': "0+1x60"},
        {"CrossgateArchiveFails"},
    ),
    "the archive has a gap": (
        {f'crossgate_archive_gaps_total{{account="zb-03", {LABELS}}}': "_x25 1x34"},
        {"CrossgateArchiveGap"},
    ),
}
"""What Prometheus sees, over HEALTHY, and what fires half an hour in."""


@pytest.mark.timeout(240)  # half an hour of each of thirty scenes
def test_each_fires_in_its_scene_alone(tmp_path: Path, rules: list[dict[str, Any]]) -> None:
    assert set().union(*(fired for _, fired in SCENES.values())) == {rule["alert"] for rule in rules}
    (tmp_path / "rules.yaml").write_text(json.dumps(the(render(OPTIONS["monitoring"]), "PrometheusRule")["spec"]))
    scenes = [_scene(name, HEALTHY | seen, fired) for name, (seen, fired) in SCENES.items()]
    (tmp_path / "scenes.yaml").write_text(
        yaml.safe_dump({"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": scenes})
    )
    for command in (["check", "rules", "rules.yaml"], ["test", "rules", "scenes.yaml"]):
        ran = subprocess.run(
            [PROMTOOL, *command], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=200
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr


def _scene(name: str, series: Mapping[str, str], fired: set[str]) -> dict[str, Any]:
    return {
        "name": name,
        "interval": "1m",
        "input_series": [{"series": labels, "values": values} for labels, values in series.items()],
        "promql_expr_test": [
            {
                "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
                "eval_time": "30m",
                "exp_samples": [{"labels": f'{{alertname="{alert}"}}', "value": 1} for alert in sorted(fired)],
            }
        ],
    }
