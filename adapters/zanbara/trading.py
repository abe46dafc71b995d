"""Orders of one Zanbara account. Source: docs.zanbarax.com, "overview" (idempotency, pages) and "rate limits" (paths).

`client_order_id` is an idempotency key at this venue: an order placed again is answered with the one there is. Filters
of lists are inferred and a venue may ignore what it does not know, so every item is checked against what was asked.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from msgspec import Raw
from msgspec.json import decode, encode

from adapters.common.batches import told_apart
from adapters.contract import BeginSend, BeginSendMany, SendTime, Throttle
from adapters.errors import EchoMismatch, NotSupported, OrderNotFound, VenueError
from adapters.models import (
    Fill,
    Market,
    OrderRequest,
    OrderStatus,
    VenueClientId,
    VenueOrder,
    VenueOrderId,
)
from adapters.zanbara import errors, limits, wire
from adapters.zanbara.batches import read_cancels, read_result
from adapters.zanbara.order_encoding import client_id, echo_mismatch, encode_amend, encode_order, encode_orders
from adapters.zanbara.order_mapping import normalize_fill, normalize_order, would_match
from adapters.zanbara.requests import Endpoint, Params
from adapters.zanbara.rest import Answer, Rest

_PLACE = Endpoint("POST", "/v1/order/place", limits.PLACE, is_private=True)
_CANCEL = Endpoint("POST", "/v1/order/cancel", limits.CANCEL, is_private=True)
_PLACE_BATCH = Endpoint("POST", "/v1/order/place-batch", limits.PLACE_BATCH, is_private=True)
_CANCEL_BATCH = Endpoint("POST", "/v1/order/cancel-batch", limits.CANCEL_BATCH, is_private=True)
_CANCEL_ALL = Endpoint("POST", "/v1/order/cancel-all", limits.CANCEL_ALL, is_private=True)
_AMEND = Endpoint("POST", "/v1/order/amend", limits.AMEND, is_private=True)
_ORDER = Endpoint("GET", "/v1/order/list", limits.ORDER, is_private=True)
_OPEN_ORDERS = Endpoint("GET", "/v1/order/list", limits.OPEN_ORDERS, is_private=True)
_HISTORY = Endpoint("GET", "/v1/order/list", limits.ORDER_HISTORY, is_private=True)
_FILLS = Endpoint("GET", "/v1/trade/history", limits.FILLS, is_private=True)

_OPEN = frozenset({OrderStatus.PENDING, OrderStatus.PARTIAL_FILLED})


class ZanbaraTrading:
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
        """Send signed for exactly the time `begin_send` fixes; the same bytes once more if only the token was refused.

        An order that was there before is answered like a new one, if it is the one that was asked for.
        """
        answer = await self._rest.write(_PLACE, body, throttle, refused=errors.refused_write, begin_send=begin_send)
        with self._rest.reading(answer):
            message = decode(answer.data, type=wire.Order)
            if mismatch := echo_mismatch(request, message):
                why = f"it shows another {mismatch} than was sent"
                raise EchoMismatch(
                    self._rest.venue, f"unreadable answer: {why}", http_status=answer.response.status_code
                )
            order = normalize_order(self._rest.venue, message)
        if refusal := would_match(order):
            raise refusal
        return order

    async def cancel(self, market: Market, venue_client_id: VenueClientId, throttle: Throttle) -> VenueOrder:
        """Done when it is answered; an order that has ended already is `OrderNotFound`, like one that never was."""
        body = encode({"client_order_id": venue_client_id})
        answer = await self._rest.write(_CANCEL, body, throttle, refused=errors.refused_cancel)
        return self._one_order(answer, answer.data, market, venue_client_id)

    async def place_many(
        self, requests: Sequence[OrderRequest], *, throttle: Throttle, begin_send: BeginSendMany
    ) -> Mapping[VenueClientId, VenueOrder | VenueError]:
        """Each order stands for itself, and is answered like `place` if it was there before."""
        left: list[OrderRequest] = []

        async def begin() -> tuple[bytes, SendTime]:
            leaving = await begin_send()
            left[:] = [request for request in requests if request.venue_client_id in leaving.client_ids]
            return encode_orders(left), leaving.when

        answer = await self._rest.write_late(_PLACE_BATCH, begin, throttle, refused=errors.refused_unread)
        with self._rest.reading(answer):
            items = decode(answer.data, type=wire.Batch).results
        return told_apart(self._rest.venue, left, items, read_result)

    async def cancel_many(
        self, order_ids: Sequence[VenueOrderId], throttle: Throttle
    ) -> Mapping[VenueOrderId, VenueError | None]:
        """Done when it is answered."""
        body = encode({"order_ids": order_ids})
        answer = await self._rest.write(_CANCEL_BATCH, body, throttle, refused=errors.refused_write)
        with self._rest.reading(answer):
            return read_cancels(self._rest.venue, order_ids, decode(answer.data, type=wire.CancelledBatch))

    async def cancel_all(self, market: Market | None, throttle: Throttle) -> Mapping[VenueOrderId, VenueOrder | None]:
        """Done when it is answered; conditional orders are among them. The answer names orders, and shows none."""
        body = encode({} if market is None else {"symbol": market.venue_symbol})
        answer = await self._rest.write(_CANCEL_ALL, body, throttle, refused=errors.refused_write)
        with self._rest.reading(answer):
            cancelled = decode(answer.data, type=wire.CancelledBatch).cancelled
        return dict.fromkeys(map(VenueOrderId, cancelled))

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
        """Less quantity keeps the order's place; a new price or more quantity loses it, and may take at once."""
        body = encode_amend(venue_client_id, price, quantity)
        answer = await self._rest.write(_AMEND, body, throttle, refused=errors.refused_amend, begin_send=begin_send)
        order = self._one_order(answer, answer.data, market, venue_client_id)
        if (price is not None and order.price != price) or (quantity is not None and order.quantity != quantity):
            raise self._rest.unreadable(answer, "it shows other terms than were asked for")
        return order

    async def order(self, market: Market, venue_client_id: VenueClientId, throttle: Throttle) -> VenueOrder:
        """The order in whatever state it is: the venue drops none from its list."""
        params: Params = {"symbol": market.venue_symbol, "client_order_id": venue_client_id}
        answer = await self._rest.read(_ORDER, params, throttle)
        with self._rest.reading(answer):
            items = self._rest.page(answer).items
        if not items:
            raise OrderNotFound(self._rest.venue, "no order has this client id", http_status=200)
        return self._one_order(answer, items[0], market, venue_client_id)

    async def open_orders(self, market: Market | None, throttle: Throttle) -> Sequence[VenueOrder]:
        """Conditional orders are among them."""
        params: Params = {**_only(market), "status": ",".join(sorted(_OPEN))}
        found: dict[VenueOrderId, VenueOrder] = {}
        for answer, item in await self._rest.read_all(_OPEN_ORDERS, params, throttle):
            order = self._order(answer, item)
            if order.status in _OPEN and (market is None or order.symbol == market.symbol):
                found.setdefault(order.venue_order_id, order)
        return list(found.values())

    async def order_history(self, market: Market | None, since_ms: int, throttle: Throttle) -> Sequence[VenueOrder]:
        """Newest first. Orders placed while paging push older ones to the next page, so repeats are dropped."""
        params: Params = {**_only(market), "start_time": since_ms}
        found: dict[VenueOrderId, VenueOrder] = {}
        async for answer, page in self._rest.pages(_HISTORY, params, throttle):
            orders = [self._order(answer, item) for item in page.items]
            recent = [order for order in orders if order.created_time_us >= since_ms * 1000]
            for order in recent:
                if market is None or order.symbol == market.symbol:
                    found.setdefault(order.venue_order_id, order)
            if len(recent) < len(orders):
                break
        return list(found.values())

    async def fills(self, market: Market | None, since_ms: int, throttle: Throttle) -> Sequence[Fill]:
        """Oldest first, liquidations included; read newest first, so repeats are dropped."""
        params: Params = {**_only(market), "start_time": since_ms}
        found: dict[tuple[str, VenueOrderId], Fill] = {}
        async for answer, page in self._rest.pages(_FILLS, params, throttle):
            with self._rest.reading(answer):
                fills = [normalize_fill(self._rest.venue, decode(item, type=wire.Fill)) for item in page.items]
            recent = [fill for fill in fills if fill.venue_time_us >= since_ms * 1000]
            for fill in recent:
                if market is None or fill.symbol == market.symbol:
                    found.setdefault((fill.trade_id, fill.venue_order_id), fill)
            if len(recent) < len(fills):
                break
        return list(reversed(found.values()))

    def _order(self, answer: Answer, data: Raw) -> VenueOrder:
        with self._rest.reading(answer):
            return normalize_order(self._rest.venue, decode(data, type=wire.Order))

    def _one_order(self, answer: Answer, data: Raw, market: Market, venue_client_id: VenueClientId) -> VenueOrder:
        order = self._order(answer, data)
        if order.symbol != market.symbol or order.venue_client_id != venue_client_id:
            raise self._rest.unreadable(answer, "it shows another order than was asked for")
        return order


def _only(market: Market | None) -> dict[str, str]:
    return {} if market is None else {"symbol": market.venue_symbol}
