"""Orders of one Backpack account. Source: docs.backpack.exchange, "Order" and "History".

`clientId` is no idempotency key at this venue, and a query by it sees resting orders only: what "not found" proves is
left to whoever settles unknown outcomes.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from decimal import Decimal

import httpx
from msgspec import Raw
from msgspec.json import decode, encode

from adapters.backpack import errors, limits, wire
from adapters.backpack.batches import read_result
from adapters.backpack.order_encoding import client_id, echo_mismatch, encode_order, encode_orders
from adapters.backpack.order_mapping import normalize_fill, normalize_order
from adapters.backpack.requests import Endpoint
from adapters.backpack.rest import Rest
from adapters.backpack.signing import Params
from adapters.common.batches import told_apart
from adapters.contract import BeginSend, BeginSendMany, SendTime, Throttle
from adapters.errors import EchoMismatch, NotSupported, VenueError
from adapters.models import Fill, Market, OrderRequest, VenueClientId, VenueOrder, VenueOrderId

_PLACE = Endpoint("POST", "/api/v1/order", limits.PLACE, "orderExecute")
_CANCEL = Endpoint("DELETE", "/api/v1/order", limits.CANCEL, "orderCancel")
_PLACE_BATCH = Endpoint("POST", "/api/v1/orders", limits.PLACE_BATCH, "orderExecute")
_CANCEL_ALL = Endpoint("DELETE", "/api/v1/orders", limits.CANCEL_ALL, "orderCancelAll")
_ORDER = Endpoint("GET", "/api/v1/order", limits.ORDER, "orderQuery")
_OPEN_ORDERS = Endpoint("GET", "/api/v1/orders", limits.OPEN_ORDERS, "orderQueryAll")
_HISTORY = Endpoint("GET", "/wapi/v1/history/orders", limits.ORDER_HISTORY, "orderHistoryQueryAll")
_FILLS = Endpoint("GET", "/wapi/v1/history/fills", limits.FILLS, "fillHistoryQueryAll")
_PAGE = 1000


class BackpackTrading:
    """Fulfils `contract.Trading`."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    def client_id(self, digest: bytes) -> VenueClientId:
        return client_id(digest)

    def encode(self, request: OrderRequest) -> bytes:
        try:
            return encode_order(request)
        except ValueError as exc:
            raise NotSupported(self._rest.venue, f"not supported: {exc}") from exc

    async def place(
        self, request: OrderRequest, body: bytes, *, throttle: Throttle, begin_send: BeginSend
    ) -> VenueOrder:
        """Send once, signed for exactly the time and window `begin_send` fixes."""
        response = await self._rest.write(_PLACE, body, throttle, refused=errors.refused_write, begin_send=begin_send)
        if response.status_code != 200:
            raise self._rest.unreadable(response, "accepted without saying what")
        with self._rest.reading(response):
            order = decode(response.content, type=wire.Order)
            if mismatch := echo_mismatch(request, order):
                why = f"it shows another {mismatch} than was sent"
                raise EchoMismatch(self._rest.venue, f"unreadable answer: {why}", http_status=response.status_code)
            return normalize_order(self._rest.venue, order)

    async def cancel(self, market: Market, venue_client_id: VenueClientId, throttle: Throttle) -> VenueOrder | None:
        """None is the venue's 202: taken, not yet done."""
        body = encode({"clientId": int(venue_client_id), "symbol": market.venue_symbol})
        response = await self._rest.write(_CANCEL, body, throttle, refused=errors.refused_cancel)
        if response.status_code == 202:
            return None
        return self._one_order(response, market, venue_client_id)

    async def place_many(
        self, requests: Sequence[OrderRequest], *, throttle: Throttle, begin_send: BeginSendMany
    ) -> Mapping[VenueClientId, VenueOrder | VenueError]:
        """The orders follow each other in the signature as in the body."""
        left: list[OrderRequest] = []

        async def begin() -> tuple[bytes, SendTime]:
            leaving = await begin_send()
            left[:] = [request for request in requests if request.venue_client_id in leaving.client_ids]
            return encode_orders(left), leaving.when

        response = await self._rest.write_late(_PLACE_BATCH, begin, throttle)
        if response.status_code != 200:
            raise self._rest.unreadable(response, "accepted without saying what")
        with self._rest.reading(response):
            items = decode(response.content, type=list[Raw])
        return told_apart(self._rest.venue, left, items, read_result)

    async def cancel_many(
        self, order_ids: Sequence[VenueOrderId], throttle: Throttle
    ) -> Mapping[VenueOrderId, VenueError | None]:
        raise NotSupported(self._rest.venue, "orders are cancelled one by one, or all of a market")

    async def cancel_all(
        self, market: Market | None, throttle: Throttle
    ) -> Mapping[VenueOrderId, VenueOrder | None] | None:
        """Of one market; conditional orders are among them. None is the venue's 202."""
        if market is None:
            raise NotSupported(self._rest.venue, "all orders are cancelled market by market")
        body = encode({"symbol": market.venue_symbol})
        response = await self._rest.write(_CANCEL_ALL, body, throttle, refused=errors.refused_write)
        if response.status_code == 202:
            return None
        with self._rest.reading(response):
            orders = [normalize_order(self._rest.venue, row) for row in decode(response.content, type=list[wire.Order])]
        return {order.venue_order_id: order for order in orders}

    async def amend(
        self,
        market: Market,
        venue_client_id: VenueClientId,
        *,
        price: Decimal | None,
        quantity: Decimal | None,
        throttle: Throttle,
        begin_send: BeginSend,
    ) -> VenueOrder:
        raise NotSupported(self._rest.venue, "an order cannot be amended, only cancelled and placed anew")

    async def order(self, market: Market, venue_client_id: VenueClientId, throttle: Throttle) -> VenueOrder:
        """Resting orders only: one that is filled, cancelled or expired is `OrderNotFound` here."""
        params: Params = {"symbol": market.venue_symbol, "clientId": int(venue_client_id)}
        response = await self._rest.read(_ORDER, params, throttle, refused=errors.refused_order_query)
        return self._one_order(response, market, venue_client_id)

    async def open_orders(self, market: Market | None, throttle: Throttle) -> Sequence[VenueOrder]:
        """Conditional orders are among them; not paged."""
        params: Params = _only(market)
        response = await self._rest.read(_OPEN_ORDERS, params, throttle)
        with self._rest.reading(response):
            rows = decode(response.content, type=list[wire.Order])
            return [normalize_order(self._rest.venue, row) for row in rows]

    async def order_history(self, market: Market | None, since_ms: int, throttle: Throttle) -> Sequence[VenueOrder]:
        """Newest first, open orders included where the history has them; the venue has no time filter here.

        Orders placed while paging push older ones to the next page: none is missed, and repeats are dropped.
        """
        params: Params = {**_only(market), "sortDirection": "Desc"}
        found: dict[VenueOrderId, VenueOrder] = {}
        async for response, rows in self._pages(_HISTORY, params, throttle):
            with self._rest.reading(response):
                orders = [normalize_order(self._rest.venue, decode(row, type=wire.Order)) for row in rows]
            recent = [order for order in orders if order.created_time_us >= since_ms * 1000]
            for order in recent:
                found.setdefault(order.venue_order_id, order)
            if len(recent) < len(orders):
                break
        return list(found.values())

    async def fills(self, market: Market | None, since_ms: int, throttle: Throttle) -> Sequence[Fill]:
        """Oldest first, liquidations and other trades of the system included."""
        params: Params = {**_only(market), "sortDirection": "Asc", "from": since_ms}
        found: list[Fill] = []
        async for response, rows in self._pages(_FILLS, params, throttle):
            with self._rest.reading(response):
                found += [normalize_fill(self._rest.venue, decode(row, type=wire.Fill)) for row in rows]
        return found

    async def _pages(
        self, endpoint: Endpoint, params: Params, throttle: Throttle
    ) -> AsyncIterator[tuple[httpx.Response, list[Raw]]]:
        """Page by offset until the venue's own total is reached: a short page alone does not prove the end."""
        offset = 0
        while True:
            page: Params = {**params, "limit": _PAGE, "offset": offset}
            response = await self._rest.read(endpoint, page, throttle)
            with self._rest.reading(response):
                rows = decode(response.content, type=list[Raw])
                total = int(response.headers.get("x-total", -1))
            yield response, rows
            offset += len(rows)
            if not rows or (offset >= total if total >= 0 else len(rows) < _PAGE):
                return

    def _one_order(self, response: httpx.Response, market: Market, venue_client_id: VenueClientId) -> VenueOrder:
        with self._rest.reading(response):
            order = decode(response.content, type=wire.Order)
            if order.symbol != market.venue_symbol or str(order.client_id) != venue_client_id:
                raise self._rest.unreadable(response, "it shows another order than was asked for")
            return normalize_order(self._rest.venue, order)


def _only(market: Market | None) -> dict[str, str]:
    return {} if market is None else {"symbol": market.venue_symbol}
