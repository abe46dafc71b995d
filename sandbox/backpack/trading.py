"""Signed order calls: place, batch, query, cancel. Bodies and queries in, order objects out, refusals as `Problem`."""

from decimal import Decimal
from typing import Any

from sandbox.backpack.errors import VALIDATION, Problem, not_found, refused
from sandbox.backpack.fields import read_object
from sandbox.backpack.order_payloads import ORDER, read_order, read_orders
from sandbox.backpack.order_wire import order_object
from sandbox.backpack.parameters import Parameters
from sandbox.backpack.payloads import CANCEL, CANCEL_ALL, one_id, order_number, read_cancel, read_cancel_all
from sandbox.backpack.wire import market_type
from sandbox.matching import Account, Market, Order, OrderRequest, PriceSource, Reason, Refusal
from sandbox.matching.admission import check_request, check_waiting
from sandbox.simulation import Simulation

UINT32 = 2**32 - 1


class Trading:
    """Everything that makes, finds or ends an order."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._engine = simulation.engine

    def place(self, account: Account, body: Any, now_us: int) -> Any:
        return self._place(account, read_order(read_object(body, ORDER), self._price), now_us)

    def place_batch(self, account: Account, body: Any, now_us: int) -> Any:
        """One malformed order refuses the whole batch; what the engine refuses is told per order."""
        requests = read_orders(body, self._price)
        for request in requests:
            self._validate(request)
        results: list[dict[str, Any]] = []
        for request in requests:
            try:
                results.append({**self._place(account, request, now_us), "operation": "Ok"})
            except Problem as problem:
                results.append({"code": problem.code, "message": problem.message, "operation": "Err"})
        return results

    def cancel(self, account: Account, body: Any, now_us: int) -> Any:
        symbol, order_id, client_id = read_cancel(read_object(body, CANCEL))
        order = self._resting(account, self._known(symbol), order_id, client_id)
        self._simulation.cancel(order, now_us)
        return order_object(order)

    def cancel_all(self, account: Account, body: Any, now_us: int) -> Any:
        """Cancel a market's orders: those in the book, those that wait for a trigger, or both."""
        symbol, waiting = read_cancel_all(read_object(body, CANCEL_ALL))
        market = self._known(symbol)
        cancelled = self._simulation.cancel_all(account, market.symbol, now_us, waiting=waiting)
        return [order_object(order) for order in cancelled]

    def order(self, account: Account, query: Parameters) -> Any:
        """A resting order; one that is finished is not found here, only in the history."""
        market = query.market(self._engine.markets)
        raw_id, client_id = query.text("orderId"), query.integer("clientId", high=UINT32)
        if (raw_id is None) == (client_id is None):
            raise one_id()
        return order_object(self._resting(account, market, None if raw_id is None else order_number(raw_id), client_id))

    def orders(self, account: Account, query: Parameters) -> Any:
        """Open orders, those that wait for a trigger included."""
        market = query.optional_market(self._engine.markets)
        kinds = query.market_types()
        return [
            order_object(order)
            for order in account.open_orders.values()
            if (market is None or order.market is market) and (not kinds or market_type(order.market) in kinds)
        ]

    def _place(self, account: Account, request: OrderRequest, now_us: int) -> dict[str, Any]:
        try:
            return order_object(self._simulation.place(account, request, now_us))
        except Refusal as refusal:
            raise self._refused(refusal, request) from refusal

    def _refused(self, refusal: Refusal, request: OrderRequest) -> Problem:
        if refusal.reason is Reason.MARKET_STATE:
            return refused(refusal.reason, self._engine.states[request.symbol])
        return refused(refusal.reason)

    def _validate(self, request: OrderRequest) -> None:
        market = self._known(request.symbol)
        try:
            if request.trigger is not None:
                check_waiting(request, market)
            else:
                last_price, mark = self._engine.prices.last(market.symbol), self._engine.mark(market.symbol)
                check_request(request, market, last_price=last_price, mark=mark)
        except Refusal as refusal:
            if refusal.reason in VALIDATION:
                raise refused(refusal.reason) from refusal

    def _price(self, symbol: str, source: PriceSource) -> Decimal | None:
        """What a trigger on this price would see now."""
        if symbol not in self._engine.markets:
            return None
        prices = self._engine.prices
        match source:
            case PriceSource.LAST:
                return prices.last(symbol)
            case PriceSource.MARK:
                return prices.mark(symbol)
            case PriceSource.INDEX:
                return prices.index(symbol)

    def _known(self, symbol: str) -> Market:
        market = self._engine.markets.get(symbol)
        if market is None:
            raise refused(Reason.UNKNOWN_MARKET)
        return market

    @staticmethod
    def _resting(account: Account, market: Market, order_id: int | None, client_id: int | None) -> Order:
        order = account.find_open(order_id=order_id, client_id=client_id)
        if order is None or order.market is not market:
            raise not_found()
        return order
