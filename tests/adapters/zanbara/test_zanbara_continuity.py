import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.common.session import OutOfStep
from adapters.zanbara.continuity import Heartbeat, Sequences

PING = [{"type": "ping"}]
TOPIC = ("trades", "SOL-PERP")


def test_the_venue_is_asked_every_20_s() -> None:
    heartbeat = Heartbeat()
    assert heartbeat.messages(1_000_000) == PING
    heartbeat.answered()
    assert heartbeat.messages(1_019_999) == []
    assert heartbeat.messages(1_020_000) == PING


def test_silence_of_more_than_10_s_after_a_ping_ends_the_connection() -> None:
    heartbeat = Heartbeat()
    heartbeat.messages(1_000_000)
    assert heartbeat.messages(1_010_000) == []
    with pytest.raises(OutOfStep):
        heartbeat.messages(1_010_001)
    heartbeat.opened()
    assert heartbeat.messages(1_010_002) == PING


def test_a_clock_that_is_set_back_asks_again() -> None:
    heartbeat = Heartbeat()
    heartbeat.messages(1_000_000)
    assert heartbeat.messages(1) == PING


@given(st.lists(st.integers(0, 15_000), max_size=50))
def test_while_it_answers_the_venue_is_never_left_alone_for_long(steps: list[int]) -> None:
    heartbeat, now_ms, asked_ms = Heartbeat(), 0, 0
    for step in steps:
        now_ms += step
        if heartbeat.messages(now_ms):
            heartbeat.answered()
            asked_ms = now_ms
        assert now_ms - asked_ms < 20_000


def test_frames_follow_one_another_from_where_the_snapshot_was() -> None:
    sequences = Sequences()
    assert not sequences.has_begun(TOPIC)
    sequences.begin(TOPIC, 7)
    sequences.follow(TOPIC, 8)
    sequences.follow(TOPIC, None)
    sequences.follow(TOPIC, 9)
    for number in (9, 11):
        with pytest.raises(OutOfStep, match="trades/SOL-PERP"):
            sequences.follow(TOPIC, number)
    sequences.end(TOPIC)
    assert not sequences.has_begun(TOPIC)
