"""`python -m bench.sandbox [WORD …]`: the table of the figures whose names have the words; 1 if a floor is missed."""

import json
import sys
from dataclasses import dataclass
from functools import partial

from bench.cores import driving_core, measured_core, pinned
from bench.figures import Figure, report
from bench.sandbox import orders
from bench.sandbox.engine import orders_per_s
from bench.sandbox.load import FrameCounter, drive
from bench.sandbox.orders import Mix, Signed
from bench.sandbox.venue import running
from sandbox.matching import MarketKind

REQUESTS = 3000
WARM_UP = 500
SUBSCRIBERS = 100


@dataclass(frozen=True, slots=True)
class Face:
    """A venue, how its order requests are made, and what its subscribers ask for."""

    venue: str
    limits: tuple[str, ...]
    signed: Signed
    path: str
    subscriptions: tuple[bytes, ...]


BACKPACK = Face(
    "backpack",
    ("standard",),
    orders.backpack,
    "/",
    (json.dumps({"method": "SUBSCRIBE", "params": ["depth.SOL_USDC_PERP", "trade.SOL_USDC_PERP"]}).encode(),),
)
ZANBARA = Face(
    "zanbara",
    ("ip_trade", "key_trade"),
    orders.zanbara,
    "/ws",
    tuple(
        json.dumps({"type": "subscribe", "channel": channel, "symbol": "SOL-PERP"}).encode()
        for channel in ("orderbook", "trades")
    ),
)


def engine(kind: MarketKind) -> float:
    with pinned(measured_core()):
        return orders_per_s(kind)


def requests(face: Face) -> float:
    """Orders and cancels answered per second."""
    with running(face.venue, *face.limits) as venue, pinned(driving_core()):
        drive(venue, face.signed(venue, Mix.ALL, WARM_UP))
        driven = drive(venue, face.signed(venue, Mix.ALL, REQUESTS))
    return driven.answers / driven.seconds


def messages(face: Face) -> float:
    """Stream messages delivered per second while orders make the market move as fast as it will."""
    with running(face.venue, *face.limits) as venue, pinned(driving_core()):
        sockets = [FrameCounter(venue, face.path, *face.subscriptions) for _ in range(SUBSCRIBERS)]
        drive(venue, face.signed(venue, Mix.TRADES, WARM_UP // 10), sockets, connections=2)
        driven = drive(venue, face.signed(venue, Mix.TRADES, REQUESTS // 4), sockets, connections=2)
        for counter in sockets:
            counter.socket.close()
    return driven.messages / driven.seconds


def figures() -> list[Figure]:
    made = [
        Figure("engine, spot", "order operations/s", 20_000, partial(engine, MarketKind.SPOT)),
        Figure("engine, perpetual", "order operations/s", 20_000, partial(engine, MarketKind.PERP)),
    ]
    for face in (BACKPACK, ZANBARA):
        made += [
            Figure(f"{face.venue}, orders over HTTP", "signed requests/s", 1500, partial(requests, face)),
            Figure(f"{face.venue}, {SUBSCRIBERS} subscribers", "messages/s", 20_000, partial(messages, face)),
        ]
    return made


def main(words: list[str]) -> int:
    return report([figure for figure in figures() if all(word in figure.name for word in words)])


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
