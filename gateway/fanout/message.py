"""The one shape of everything a client hears about a topic (pure)."""

import msgspec

from gateway.fanout.envelope import Frame, Integrity, Kind
from gateway.fanout.topic import Topic


class Message(msgspec.Struct, frozen=True):
    """`type` is "snapshot", "update", or "status" (a new integrity and no data)."""

    channel: str
    venue: str
    symbol: str
    type: str
    epoch: int
    seq: int
    integrity: Integrity
    venue_time_us: int | None
    received_time_us: int
    data: msgspec.Struct | None


_encode = msgspec.json.Encoder().encode


def encode(
    topic: Topic,
    kind: Kind,
    *,
    epoch: int,
    seq: int,
    integrity: Integrity,
    data: msgspec.Struct | None,
    venue_time_us: int | None,
    received_time_us: int,
    now_us: int,
) -> Frame:
    body = _encode(
        Message(
            topic.channel.value,
            topic.venue,
            topic.symbol,
            kind.name.lower(),
            epoch,
            seq,
            integrity,
            venue_time_us,
            received_time_us,
            data,
        )
    )
    return Frame(kind, integrity, epoch, seq, now_us, body)
