"""docs/operations.md names every metric there is with its labels, and none that is not; and no label is unbounded."""

import re
from pathlib import Path

from prometheus_client import REGISTRY
from prometheus_client.metrics import MetricWrapperBase

import gateway.app
import gateway.telemetry  # noqa: F401 - these bring in whatever measures anything

PAGE = (Path(__file__).parents[2] / "docs/operations.md").read_text()

BOUNDED = {
    "account": "configured",
    "channel": "the adapters' channels",
    "code": "error codes, close codes",
    "commit": "one a build",
    "kind": "CallKind",
    "loop": "one a venue, and the fan-out",
    "method": "those the API has, and `other`",
    "outcome": "fixed",
    "reason": "fixed",
    "result": "fixed",
    "route": "templates, and `none`",
    "rule": "the venues' rules",
    "state": "an order's states",
    "status": "HTTP's, or an order's",
    "venue": "configured",
    "version": "one a build",
    "what": "fixed",
}
"""Labels, and what bounds the number of their values. A client, an order, a symbol or an address is none."""

SUFFIXES = {"counter": "_total", "info": "_info"}


def metrics() -> dict[str, frozenset[str]]:
    """The labels of every metric of ours, by name; build information has its labels in what it says."""
    found = {}
    for one in REGISTRY._collector_to_names:
        if isinstance(one, MetricWrapperBase) and one._name.startswith("crossgate_"):
            labels = {"version", "commit"} if one._type == "info" else one._labelnames
            found[one._name + SUFFIXES.get(str(one._type), "")] = frozenset(labels)
    return found


def test_every_label_is_of_a_bounded_set() -> None:
    assert metrics()
    assert {label for labels in metrics().values() for label in labels} <= BOUNDED.keys()


def test_every_metric_is_in_the_tables_with_its_labels() -> None:
    rows = re.findall(r"^\| `(crossgate_\w+)(?:\{([\w, ]+)\})?` \|", PAGE.split("## Metrics")[1], re.MULTILINE)
    assert {name: frozenset(labels.split(", ") if labels else ()) for name, labels in rows} == metrics()


def test_no_metric_is_named_that_does_not_exist() -> None:
    named = {re.sub(r"_(bucket|count|sum)$", "", name) for name in re.findall(r"\bcrossgate_\w+", PAGE)}
    assert named - metrics().keys() == set()
