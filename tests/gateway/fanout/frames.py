"""Messages of a topic, as an owner would publish them."""

import msgspec

from adapters.contract import Channel
from adapters.models import Symbol, VenueName
from gateway.fanout.envelope import Frame, Integrity, Kind
from gateway.fanout.topic import Topic

BOOK = Topic(VenueName("scripted"), Channel.ORDERBOOK, Symbol("SOL-USDC"))
TRADES = Topic(VenueName("scripted"), Channel.TRADES, Symbol("SOL-USDC"))
TICKER = Topic(VenueName("scripted"), Channel.TICKER, Symbol("SOL-USDC"))


def frame(
    kind: Kind,
    seq: int,
    *,
    epoch: int = 1,
    integrity: Integrity = Integrity.OK,
    topic: Topic = BOOK,
    data: object = None,
    padding: int = 0,
) -> Frame:
    body = {
        "channel": topic.channel,
        "type": kind.name.lower(),
        "epoch": epoch,
        "seq": seq,
        "venue_time_us": None,
        "received_time_us": seq,
        "data": data,
        "padding": "x" * padding,
    }
    return Frame(kind, integrity, epoch, seq, 0, msgspec.json.encode(body))
