"""`python -m bench.orders.venue PORT`: a venue that answers as quickly as Python can, so that it is not measured.

It speaks as much of Backpack as lets the adapter accept its answers: its time, one market, every order taken and none
shown.
"""

import asyncio
import json
import sys
import time
from typing import cast

import uvloop

HOST = "127.0.0.1"

_MARKETS = json.dumps(
    [
        {
            "symbol": "SOL_USDC",
            "baseSymbol": "SOL",
            "quoteSymbol": "USDC",
            "marketType": "SPOT",
            "orderBookState": "Open",
            "filters": {
                "price": {"tickSize": "0.01", "minPrice": "0.01"},
                "quantity": {"stepSize": "0.01", "minQuantity": "0.01"},
            },
        }
    ]
).encode()


class Way(asyncio.Protocol):
    """One connection; requests come one at a time, each whole sooner or later."""

    def __init__(self) -> None:
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
        if found and len(body) >= length:
            self._received = b""
            self._transport.write(answer_to(head, body))


def answer_to(head: bytes, body: bytes) -> bytes:
    """The whole answer to one request."""
    if head.startswith(b"POST /api/v1/order "):
        # What was asked, with what a venue adds to it.
        now_ms = time.time_ns() // 1_000_000
        added = b'{"id":"%d","status":"New","executedQuantity":"0","createdAt":%d,' % (time.monotonic_ns(), now_ms)
        return _http(b"200 OK", added + body[1:])
    if head.startswith(b"GET /api/v1/time "):
        return _http(b"200 OK", str(time.time_ns() // 1_000_000).encode())
    if head.startswith(b"GET /api/v1/markets "):
        return _http(b"200 OK", _MARKETS)
    if head.startswith((b"GET /api/v1/orders", b"GET /wapi/v1/history/")):
        return _http(b"200 OK", b"[]")
    return _http(b"404 Not Found", b'{"code":"RESOURCE_NOT_FOUND","message":"there is nothing more here"}')


def _http(status: bytes, body: bytes) -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)


async def serve(port: int) -> None:
    """Until cancelled."""
    server = await asyncio.get_running_loop().create_server(Way, HOST, port)
    print("ready", flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.install()
    asyncio.run(serve(int(sys.argv[1])))
