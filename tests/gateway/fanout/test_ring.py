"""A ring passes on what follows, and never serves what does not."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.fanout.envelope import Frame, Integrity, Kind
from gateway.fanout.ring import Position, Ring, Verdict
from tests.gateway.fanout.frames import TICKER, frame

SNAPSHOT, UPDATE, STATUS = Kind.SNAPSHOT, Kind.UPDATE, Kind.STATUS


def ring(*, keyed: bool = False, frames: int = 100, size: int = 100_000) -> Ring:
    return Ring(keyed=keyed, frames_limit=frames, bytes_limit=size)


def seqs(frames: list[Frame] | None) -> list[int] | None:
    return None if frames is None else [frame.seq for frame in frames]


def accept(ring: Ring, *frames: Frame) -> list[Verdict]:
    return [ring.accept(frame) for frame in frames]


def test_updates_that_follow_are_forwarded_and_repetitions_are_not() -> None:
    topic = ring()
    assert accept(topic, frame(SNAPSHOT, 4), frame(UPDATE, 5), frame(UPDATE, 5), frame(UPDATE, 6)) == [
        Verdict.FORWARD,
        Verdict.FORWARD,
        Verdict.IGNORED,
        Verdict.FORWARD,
    ]
    assert seqs(topic.start()) == [4, 5, 6]


def test_a_gap_stops_everything_until_a_snapshot() -> None:
    topic = ring()
    verdicts = accept(
        topic, frame(SNAPSHOT, 1), frame(UPDATE, 3), frame(UPDATE, 4), frame(SNAPSHOT, 4), frame(UPDATE, 5)
    )
    assert verdicts == [Verdict.FORWARD, Verdict.GAP, Verdict.IGNORED, Verdict.FORWARD, Verdict.FORWARD]
    assert seqs(topic.start()) == [4, 5]


def test_a_snapshot_older_than_what_was_missed_does_not_end_a_gap() -> None:
    topic = ring()
    accept(topic, frame(SNAPSHOT, 1), frame(UPDATE, 5))
    assert topic.accept(frame(SNAPSHOT, 4)) is Verdict.IGNORED
    assert topic.start() is None


def test_a_lower_epoch_reaches_nobody() -> None:
    topic = ring()
    accept(topic, frame(SNAPSHOT, 1, epoch=7))
    assert accept(topic, frame(UPDATE, 2, epoch=6), frame(SNAPSHOT, 9, epoch=6)) == [Verdict.IGNORED] * 2


def test_a_higher_epoch_is_a_gap_until_its_snapshot() -> None:
    topic = ring()
    accept(topic, frame(SNAPSHOT, 5, epoch=1))
    assert topic.accept(frame(UPDATE, 6, epoch=2)) is Verdict.GAP
    assert topic.integrity is Integrity.RESYNCING
    assert topic.accept(frame(SNAPSHOT, 6, epoch=2)) is Verdict.FORWARD
    assert topic.since(Position(1, 5)) is None


def test_a_repeated_snapshot_serves_joiners_only() -> None:
    topic = ring()
    accept(topic, frame(SNAPSHOT, 1), frame(UPDATE, 2), frame(UPDATE, 3))
    assert topic.accept(frame(SNAPSHOT, 3)) is Verdict.REFRESHED
    assert seqs(topic.start()) == [3]
    assert seqs(topic.since(Position(1, 1))) == [2, 3]


def test_since_replays_as_far_as_the_ring_reaches() -> None:
    topic = ring(frames=2)
    accept(topic, frame(SNAPSHOT, 1), frame(UPDATE, 2), frame(UPDATE, 3), frame(UPDATE, 4))
    assert seqs(topic.since(Position(1, 2))) == [3, 4]
    assert topic.since(Position(1, 1)) is None
    assert topic.since(Position(1, 4)) == []
    assert topic.since(Position(1, 5)) is None
    assert topic.start() is None, "its snapshot is no longer joined to what is left"
    assert topic.accept(frame(SNAPSHOT, 4)) is Verdict.REFRESHED
    assert seqs(topic.start()) == [4]


def test_a_status_is_part_of_what_a_joiner_gets() -> None:
    topic = ring()
    accept(topic, frame(SNAPSHOT, 1), frame(STATUS, 2, integrity=Integrity.RESYNCING))
    assert topic.integrity.value == "resyncing"
    assert seqs(topic.start()) == [1, 2]
    accept(topic, frame(SNAPSHOT, 3))
    assert topic.integrity.value == "ok"


def test_every_ticker_is_a_state() -> None:
    topic = ring(keyed=True)
    first, second = frame(UPDATE, 1, topic=TICKER), frame(UPDATE, 5, topic=TICKER)
    assert accept(topic, first, second) == [Verdict.FORWARD] * 2
    (start,) = topic.start() or []
    assert start.seq == 5
    assert b'"type":"snapshot"' in start.body


@given(
    st.lists(
        st.builds(
            frame, st.sampled_from(Kind), st.integers(1, 12), epoch=st.integers(1, 3), padding=st.integers(0, 40)
        ),
        max_size=60,
    )
)
def test_what_is_served_is_always_a_snapshot_and_what_follows_it(frames: list[Frame]) -> None:
    topic = ring(frames=5, size=1000)
    reader: Frame | None = None
    for each in frames:
        epoch_before = topic.epoch
        verdict = topic.accept(each)
        assert topic.epoch >= epoch_before
        if verdict is Verdict.FORWARD and each.kind is not STATUS:
            follows = reader is not None and (each.epoch, each.seq) == (reader.epoch, reader.seq + 1)
            assert each.kind is SNAPSHOT or follows
        if verdict is Verdict.FORWARD:
            reader = each
        if verdict is Verdict.GAP:
            reader = None
        start = topic.start()
        if start is not None:
            assert start[0].kind is SNAPSHOT
            assert [each.seq for each in start] == list(range(start[0].seq, topic.seq + 1))
            assert {each.epoch for each in start} == {topic.epoch}
        assert topic.bytes_held <= 1000 + max(len(each.body) for each in frames)
