"""Fault rules by themselves: what is a rule, which meetings it strikes, and what is done to words."""

import json
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.faults import BadRule, Faults, MessageDeed, RequestDeed, When, parse_rule, read_rules

CALM = settings(deadline=None, max_examples=50)  # a busy machine is no failure
ALL = {"close": True}
ORDER = ("POST", "/api/v1/order", "desk-a")

PLANS = st.fixed_dictionaries(
    {},
    optional={
        "probability": st.sampled_from([0, 0.25, 0.5, 1]),
        "count": st.none() | st.integers(1, 20),
        "skip": st.integers(0, 10),
        "every": st.integers(1, 5),
        "seed": st.integers(0, 2**32),
    },
)


def strikes(plan: dict[str, Any], meetings: int) -> list[int]:
    """Which of so many requests, counted from 1, a rule with this plan strikes."""
    faults = Faults()
    faults.add(parse_rule({"do": ALL, **plan}), at_ms=0)
    return [n for n in range(1, meetings + 1) if faults.strike_request(*ORDER, When.BEFORE, at_ms=n)]


@CALM
@given(PLANS, st.integers(1, 60))
def test_the_same_rule_and_meetings_give_the_same_strikes(plan: dict[str, Any], meetings: int) -> None:
    struck = strikes(plan, meetings)
    assert struck == strikes(plan, meetings)
    assert struck == [n for n in strikes(plan, meetings + 20) if n <= meetings]


@CALM
@given(PLANS)
def test_a_plan_holds_whatever_chance_says(plan: dict[str, Any]) -> None:
    struck, skip, every, count = strikes(plan, 200), plan.get("skip", 0), plan.get("every", 1), plan.get("count", 1)
    candidates = [n for n in range(skip + 1, 201) if (n - skip) % every == 0]
    assert set(struck) <= set(candidates)
    assert count is None or len(struck) <= count
    if plan.get("probability", 1) == 1:
        assert struck == candidates[:count]
    if plan.get("probability") == 0:
        assert struck == []


def test_chance_is_as_likely_as_it_says_and_another_seed_is_another_chance() -> None:
    first, second = (strikes({"probability": 0.3, "count": None, "seed": seed}, 2000) for seed in (1, 2))
    assert 500 < len(first) < 700
    assert first != second


def test_a_rule_is_in_force_from_and_for_as_long_as_it_says() -> None:
    faults = Faults()
    faults.add(parse_rule({"do": ALL, "count": None, "from_ms": 100, "for_ms": 50}), at_ms=1000)
    times = [1000, 1099, 1100, 1149, 1150]
    assert [bool(faults.strike_request(*ORDER, When.BEFORE, at_ms=at)) for at in times] == [0, 0, 1, 1, 0]
    assert faults.report()[0]["met"] == 2  # what came outside that time was not met


def test_a_rule_that_does_not_strike_lets_later_ones_have_a_go() -> None:
    faults = Faults()
    picky, other = (
        faults.add(parse_rule({"do": do, "count": None, **more}), at_ms=0)
        for do, more in (({"status": 500}, {"every": 2}), ({"status": 502}, {}))
    )
    found = [faults.strike_request(*ORDER, When.BEFORE, at_ms=0) for _ in range(4)]
    assert [rule.id for rule in found if rule] == [other, picky, other, picky]
    assert [(row["id"], row["met"], row["struck"]) for row in faults.report()] == [(picky, 4, 2), (other, 2, 2)]


@pytest.mark.parametrize(
    ("match", "fits"),
    [
        ({}, True),
        ({"method": "POST", "path": "/api/v1/*", "account": "desk-a"}, True),
        ({"path": "/api/v1/orders"}, False),
        ({"method": "GET"}, False),
        ({"account": "desk-b"}, False),
    ],
)
def test_a_rule_meets_what_it_matches(match: dict[str, str], fits: bool) -> None:
    assert parse_rule({"match": match, "do": ALL}).match.fits_request(*ORDER) is fits


def test_a_topic_may_end_in_a_star() -> None:
    match = parse_rule({"match": {"topic": "depth.*", "account": None}, "do": {"withhold": True}}).match
    assert [match.fits_topic(None, topic) for topic in ("depth.SOL_USDC", "trade.SOL_USDC")] == [True, False]


@pytest.mark.parametrize(
    ("do", "expected"),
    [
        ({"close": True}, When.BEFORE),
        ({"garble": True}, When.AFTER_EXECUTE),
        ({"truncate": 3, "status": 200}, When.BEFORE),
        ({"late_ms": 5, "twice": True}, When.BEFORE),
    ],
)
def test_the_moment_follows_from_the_deed(do: dict[str, Any], expected: When) -> None:
    assert parse_rule({"do": do}).when is expected


TOPIC = {"topic": "trade.*"}


@pytest.mark.parametrize(
    ("rule", "named"),
    [
        ({}, "`do`"),
        ([], "a rule"),
        ({"do": {}}, "status, body"),
        ({"do": {"explode": True}}, "explode"),
        ({"do": ALL, "often": 1}, "often"),
        ({"do": ALL, "match": {"host": "x"}}, "host"),
        ({"do": ALL, "match": {"path": 1}}, "`path`"),
        ({"do": ALL, "when": "later"}, "before_reading, before, after_execute"),
        ({"do": ALL, "count": 0}, "`count`"),
        ({"do": ALL, "every": 0}, "`every`"),
        ({"do": ALL, "skip": True}, "`skip`"),
        ({"do": ALL, "probability": 1.5}, "`probability`"),
        ({"do": {"close": True, "reset": True}}, "`close` and `reset`"),
        ({"do": {"status": 500, "close": True}}, "`status` and `close`"),
        ({"do": {"hang": True, "hang_ms": 5}}, "`hang` and `hang_ms`"),
        ({"do": {"hang_ms": 600_001}}, "`hang_ms`"),
        ({"do": {"close": "yes"}}, "`close`"),
        ({"do": {"status": 99}}, "`status`"),
        ({"do": {"status": "500"}}, "`status`"),
        ({"do": {"body": "x"}}, "`body` needs `status`"),
        ({"do": {"status": 302, "headers": {"location": "a\r\nb"}}}, "location"),
        ({"do": {"status": 200, "headers": {"Content-Length": "3"}}}, "Content-Length"),
        ({"do": {"status": 200, "garble": True}}, "`status` and `garble`"),
        ({"do": {"close": True, "truncate": 1}}, "`close` and `truncate`"),
        ({"do": {"garble": True, "drop": ["a"]}}, "`drop` and `garble`"),
        ({"do": {"truncate": 1, "twice": True}}, "`truncate` and `twice`"),
        ({"do": {"truncate": -1}}, "`truncate`"),
        ({"do": {"drop": "a"}}, "`drop`"),
        ({"do": {"change": {"a..b": 1}}}, "`a..b`"),
        ({"do": {"garble": True}, "when": "before"}, "`garble` spoils the true answer"),
        ({"do": {"late_ms": 5}, "when": "after_execute"}, "`late_ms`"),
        ({"do": {"replay_ms": 5}, "when": "before_reading"}, "`replay_ms`"),
        ({"do": ALL, "when": "before_reading", "match": {"account": "desk-a"}}, "`account`"),
        ({"do": {"withhold": True}}, "withhold"),
        ({"do": ALL, "match": TOPIC | {"path": "/x"}}, "`topic` and `path`"),
        ({"do": {"withhold": True}, "match": TOPIC, "when": "before"}, "`when`"),
        ({"do": {"status": 500}, "match": TOPIC}, "status"),
        ({"do": {}, "match": TOPIC}, "withhold"),
        ({"do": {"withhold": True, "duplicate": True}, "match": TOPIC}, "`withhold` and `duplicate`"),
        ({"do": {"withhold": True, "body": "x"}, "match": TOPIC}, "`withhold` and `body`"),
        ({"do": {"body": "x", "truncate": 1}, "match": TOPIC}, "`truncate` and `body`"),
        ({"do": {"close": True}, "match": TOPIC}, "close code"),
        ({"do": {"close": 1005}, "match": TOPIC}, "close code"),
    ],
)  # fmt: skip
def test_what_cannot_be_understood_is_refused_by_name(rule: Any, named: str) -> None:
    with pytest.raises(BadRule) as refused:
        parse_rule(rule)
    assert named in str(refused.value)


@pytest.mark.parametrize("body", [b"{", b'{"do": {"change": {"a": NaN}}}', b"[" * 100_000])
def test_a_rule_is_json(body: bytes) -> None:
    with pytest.raises(BadRule):
        read_rules(body)


# -- words ---------------------------------------------------------------------------------------------------------

BOOK = b'{"id":12345678901234567890,"p":0.10,"rows":[{"q":1E-8,"s":"a"},{"q":2.00,"s":"b"}],"deep":{"x":null}}'


def spoiled(do: str, data: bytes = BOOK) -> bytes:
    [rule] = read_rules(b'{"match": {"topic": "*"}, "do": %s}' % do.encode())
    assert isinstance(rule.deed, MessageDeed)
    return rule.deed.spoiled(data.decode(), Random(1)).encode()


@pytest.mark.parametrize(
    ("do", "before", "after"),
    [
        ('{"change": {"p": 0.200}}', b'"p":0.10', b'"p":0.200'),
        ('{"change": {"id": 98765432109876543210}}', b"12345678901234567890", b"98765432109876543210"),
        ('{"change": {"rows.s": "c"}}', b'"s":"a"},{"q":2.00,"s":"b"', b'"s":"c"},{"q":2.00,"s":"c"'),
        ('{"change": {"deep.y": [1.50]}}', b'{"x":null}', b'{"x":null,"y":[1.50]}'),
        ('{"drop": ["rows.q", "deep"]}', BOOK[BOOK.index(b'"rows"') :], b'"rows":[{"s":"a"},{"s":"b"}]}'),
        ('{"change": {"p.x": 1, "none.x": 1}, "drop": ["nothing", "id.x"]}', b"", b""),
    ],
)  # fmt: skip
def test_edits_leave_numbers_and_the_order_of_all_else_as_they_were(do: str, before: bytes, after: bytes) -> None:
    assert spoiled(do) == BOOK.replace(before, after, 1)


@CALM
@given(
    st.dictionaries(st.text(min_size=1), st.integers() | st.decimals(allow_nan=False, allow_infinity=False).map(str))
)
def test_leaving_out_what_is_not_there_changes_nothing(members: dict[str, Any]) -> None:
    data = json.dumps(members, separators=(",", ":"), ensure_ascii=False).encode()
    assert json.loads(spoiled('{"drop": ["no such.member"]}', data), parse_float=Decimal) == members


def test_what_is_no_json_is_not_edited() -> None:
    assert [spoiled('{"change": {"a": 1}}', text) for text in (b"pong", b"{broken", b"")] == [b"pong", b"{broken", b""]


@CALM
@given(st.text(alphabet=st.characters(codec="ascii"), max_size=40), st.integers())
def test_noise_is_as_long_as_the_text_and_no_json(text: str, seed: int) -> None:
    rule = parse_rule({"match": {"topic": "*"}, "do": {"garble": True}})
    assert isinstance(rule.deed, MessageDeed)
    noise = rule.deed.spoiled(text, Random(seed))
    assert len(noise) == len(text)
    with pytest.raises(ValueError, match="Expecting value"):
        json.loads(noise)


def test_garbling_does_not_change_the_strikes() -> None:
    def struck(do: dict[str, Any]) -> list[int]:
        rule = parse_rule({"do": do, "when": "after_execute", "probability": 0.5, "count": None, "seed": 3})
        assert isinstance(rule.deed, RequestDeed)
        faults, found = Faults(), []
        faults.add(rule, at_ms=0)
        for n in range(50):
            if faults.strike_request(*ORDER, When.AFTER_EXECUTE, at_ms=n):
                rule.noise.random()
                found.append(n)
        return found

    assert struck({"garble": True}) == struck({"close": True})
