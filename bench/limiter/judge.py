"""`python -m bench.limiter.judge SPEC`: the way to a venue and back, and the venue's own count of what arrives.

A request is handed over with how long it travels each way; it arrives even if who sent it has died since. What counts
as too much is the sandbox's own judgement, by every kind of counting at once. Everything is answered.
"""

import asyncio
import json
import struct
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, cast

import uvloop

from sandbox.config import LimitConfig
from sandbox.limits import Limits

REQUEST = struct.Struct("<IHHHB")
"""Number, ms there, ms back, client, kind."""
ANSWER = struct.Struct("<I")
TIMES_KEPT = 10_000


@dataclass(slots=True)
class Venue:
    """What has arrived."""

    limit: int
    period_ms: int
    arrivals: int = 0
    by_client: Counter[int] = field(default_factory=Counter)
    by_kind: Counter[int] = field(default_factory=Counter)
    times_us: list[int] = field(default_factory=list)
    limits: Limits = field(init=False)

    def __post_init__(self) -> None:
        self.limits = Limits(LimitConfig.strict(self.period_ms, {"call": self.limit}))

    def arrived(self, client: int, kind: int, now_us: int) -> None:
        self.limits.arrived("account", "call", now_us)
        if len(self.times_us) < TIMES_KEPT:
            self.times_us.append(now_us)
        self.arrivals += 1
        self.by_client[client] += 1
        self.by_kind[kind] += 1

    def report(self) -> dict[str, Any]:
        return {
            "arrivals": self.arrivals,
            "breaches": self.limits.report()["breaches"],
            "by_client": self.by_client,
            "by_kind": self.by_kind,
        }


class Road(asyncio.Protocol):
    """One sender's requests, on their way."""

    def __init__(self, venue: Venue):
        self._venue = venue
        self._loop = asyncio.get_running_loop()
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        whole = len(data) - len(data) % REQUEST.size
        self._rest = data[whole:]
        for number, there_ms, back_ms, client, kind in REQUEST.iter_unpack(data[:whole]):
            self._loop.call_later(there_ms / 1000, self._arrive, number, back_ms, client, kind)

    def _arrive(self, number: int, back_ms: int, client: int, kind: int) -> None:
        self._venue.arrived(client, kind, time.time_ns() // 1000)
        self._loop.call_later(back_ms / 1000, self._answer, number)

    def _answer(self, number: int) -> None:
        if not self._transport.is_closing():
            self._transport.write(ANSWER.pack(number))


async def serve(road: str, desk: str, venue: Venue) -> None:
    """Until cancelled: take requests at `road`, and tell who asks at `desk` for a report or for the first times."""

    async def tell(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readline()
        writer.write(json.dumps(venue.times_us if asked == b"times\n" else venue.report()).encode())
        await writer.drain()
        writer.close()

    loop = asyncio.get_running_loop()
    async with await asyncio.start_unix_server(tell, desk):
        server = await loop.create_unix_server(lambda: Road(venue), road)
        print("ready", flush=True)
        async with server:
            await server.serve_forever()


def main(spec: dict[str, Any]) -> None:
    uvloop.install()
    asyncio.run(serve(spec["road"], spec["desk"], Venue(spec["limit"], spec["period_ms"])))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
