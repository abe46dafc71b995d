"""A frame comes out as it went in, and what is no frame is told from one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.fanout.envelope import Frame, Integrity, Kind, Malformed, NotAFrame, unpack
from gateway.fanout.topic import Topic
from tests.gateway.fanout.frames import BOOK

u64 = st.integers(0, 2**64 - 1)


@given(st.builds(Frame, st.sampled_from(Kind), st.sampled_from(Integrity), u64, u64, u64, st.binary(max_size=200)))
def test_round_trip(frame: Frame) -> None:
    assert unpack(frame.pack()) == frame


@given(st.binary(max_size=100))
def test_arbitrary_bytes_are_a_frame_or_refused(data: bytes) -> None:
    try:
        frame = unpack(data)
    except NotAFrame:
        return
    assert unpack(frame.pack()) == frame


def test_another_version_is_refused() -> None:
    packed = Frame(Kind.UPDATE, Integrity.OK, 1, 1, 1, b"{}").pack()
    with pytest.raises(NotAFrame) as refused:
        unpack(b"\x02" + packed[1:])
    assert refused.value.reason is Malformed.VERSION


def test_a_topic_reads_back() -> None:
    assert Topic.parse(str(BOOK)) == BOOK
    for wrong in ("", "a", "a.b", "a.ticker", "a.nothing.SOL-USDC", ".ticker.SOL-USDC", "a.ticker."):
        with pytest.raises(ValueError):  # noqa: PT011  # Topic's own and the enum's alike
            Topic.parse(wrong)
