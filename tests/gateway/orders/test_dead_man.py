"""What a switch stands for, and which orders a firing covers."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.models import AccountName
from gateway.orders.dead_man import Firing, Switch
from gateway.orders.record import OrderRecord, State
from tests.gateway.orders.samples import INTENT

FIRED_MS = 5_000
NAMES = st.from_regex(r"[a-z0-9][a-z0-9-]{0,20}", fullmatch=True)
LABELS = st.from_regex(r"[A-Za-z0-9_.:-]{1,20}", fullmatch=True)
BOTS = Switch(INTENT.account, INTENT.owner)


def record(created_ms: int = FIRED_MS, **intent: Any) -> OrderRecord:
    return OrderRecord(replace(INTENT, **intent), State.LIVE, 1, created_ms, created_ms)


@given(
    st.builds(
        Firing,
        st.builds(Switch, NAMES.map(AccountName), NAMES, st.just("") | LABELS),
        st.integers(min_value=1),
        st.frozensets(LABELS),
    )
)
def test_a_firing_reads_back_from_its_name(firing: Firing) -> None:
    assert Firing.read(firing.name) == firing


@pytest.mark.parametrize(
    ("firing", "order", "is_covered"),
    [
        (Firing(BOTS, FIRED_MS), record(), True),
        (Firing(BOTS, FIRED_MS), record(created_ms=FIRED_MS + 1), False),
        (Firing(BOTS, FIRED_MS), record(owner="other"), False),
        (Firing(BOTS, FIRED_MS), record(account=AccountName("second")), False),
        (Firing(BOTS, FIRED_MS), record(labels=("session:a",)), True),
        (Firing(replace(BOTS, session="a"), FIRED_MS), record(labels=("x", "session:a")), True),
        (Firing(replace(BOTS, session="a"), FIRED_MS), record(labels=("session:b", "a")), False),
        (Firing(replace(BOTS, session="a"), FIRED_MS), record(), False),
        (Firing(BOTS, FIRED_MS, frozenset({"hedge"})), record(labels=("x", "hedge")), False),
        (Firing(BOTS, FIRED_MS, frozenset({"hedge"})), record(labels=("hedges",)), True),
    ],
)
def test_a_firing_covers_its_clients_orders_of_before_that_are_not_exempt(
    firing: Firing, order: OrderRecord, *, is_covered: bool
) -> None:
    assert firing.covers(order) is is_covered
