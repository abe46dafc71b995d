"""Private order calls: place, list, cancel, amend, singly and in batches."""

from decimal import Decimal
from typing import Any

from sandbox.matching import Account, Order, OrderRequest, Reason, Refusal
from sandbox.simulation import Simulation
from sandbox.zanbara.archive import Archive
from sandbox.zanbara.bodies import Fields, as_fields
from sandbox.zanbara.calls import Call, Created
from sandbox.zanbara.errors import Problem, halted, invalid, missing, unknown_order, unknown_symbol
from sandbox.zanbara.new_order import NewOrders, check_grid, check_price, check_size, check_visible, tradable
from sandbox.zanbara.order_wire import order_object
from sandbox.zanbara.wire import cents, fixed, order_id, status_of

ZERO = Decimal(0)
MAX_CANCELS = 100
MAX_ORDERS = 20


class Trading:
    """Everything that makes, changes or ends an order."""

    def __init__(self, simulation: Simulation, archive: Archive, new_orders: NewOrders) -> None:
        self._simulation = simulation
        self._engine = simulation.engine
        self._archive = archive
        self._new_orders = new_orders

    def place(self, call: Call) -> Any:
        """A new order, 201; or the one that already has this client order id, 200, whatever else is asked for."""
        order, is_new = self._place(call.account, call.body(), call.now_us)
        return Created(order_object(order)) if is_new else order_object(order)

    def place_batch(self, call: Call) -> Any:
        """Each order by itself: one that is refused does not hinder the others."""
        results: list[dict[str, Any]] = []
        for item in call.body().array("orders", MAX_ORDERS):
            try:
                fields = as_fields(item, strict_numbers=call.strict_numbers)
                order, _ = self._place(call.account, fields, call.now_us)
                results.append({"success": True, "order": order_object(order)})
            except Problem as problem:
                results.append({"success": False, "error": problem.body()})
        return {"results": results}

    def order(self, call: Call) -> Any:
        return order_object(self._by_id(call.account, call.named))

    def cancel(self, call: Call) -> Any:
        return self._cancel(self._identified(call.account, call.body()), call.now_us)

    def cancel_named(self, call: Call) -> Any:
        return self._cancel(self._by_id(call.account, call.named), call.now_us)

    def cancel_batch(self, call: Call) -> Any:
        ids = call.body().array("order_ids", MAX_CANCELS)
        if not all(isinstance(identifier, str) for identifier in ids):
            raise invalid("order_ids", "order_ids must be strings")
        cancelled: list[str] = []
        failed: list[dict[str, str]] = []
        for identifier in ids:
            try:
                self._cancel(self._by_id(call.account, identifier), call.now_us)
                cancelled.append(identifier)
            except Problem as problem:
                failed.append({"order_id": identifier, "code": problem.code, "message": problem.message})
        return {"cancelled": cancelled, "failed": failed}

    def cancel_all(self, call: Call) -> Any:
        symbol = call.body(may_be_empty=True).text("symbol")
        if symbol is not None and symbol not in self._engine.markets:
            raise unknown_symbol()
        symbols = list(self._engine.markets) if symbol is None else [symbol]
        orders = [order for each in symbols for order in self._simulation.cancel_all(call.account, each, call.now_us)]
        return {"cancelled": [order_id(order.id) for order in orders], "count": len(orders)}

    def amend(self, call: Call) -> Any:
        fields = call.body()
        order = self._identified(call.account, fields)
        price, quantity = fields.decimal("price"), fields.decimal("quantity")
        if price is None and quantity is None:
            raise missing("price")
        market = tradable(self._engine, order.market.symbol)
        _check_amendable(order, price)
        check_grid("price", price, market.tick)
        check_grid("quantity", quantity, market.step)
        if quantity is not None:
            check_size(quantity, market)
            if quantity <= order.executed:
                raise Problem("INVALID_QUANTITY", "quantity must exceed what is filled", field="quantity")
            check_visible(order.request.visible, quantity, field="quantity")
        check_price("price", price)
        wanted_price = order.price if price is None else price
        wanted = order.quantity or ZERO if quantity is None else quantity
        try:
            self._simulation.amend(order, price=wanted_price, quantity=wanted, now_us=call.now_us)
        except Refusal as refusal:
            raise _refused(refusal) from refusal
        return order_object(order)

    def execute(self, account: Account, request: OrderRequest, now_us: int) -> Order:
        """Give an order to the engine; raises `Problem`."""
        try:
            return self._simulation.place(account, request, now_us)
        except Refusal as refusal:
            raise _refused(refusal) from refusal

    def _place(self, account: Account, fields: Fields, now_us: int) -> tuple[Order, bool]:
        client_order_id = fields.client_order_id()
        if client_order_id is not None:
            known = self._archive.by_client_id(account, client_order_id)
            if known is not None:
                return known, False
        return self.execute(account, self._new_orders.read(fields, account, now_us), now_us), True

    def _cancel(self, order: Order, now_us: int) -> dict[str, Any]:
        if not order.is_open:
            raise Problem("ORDER_NOT_CANCELLABLE", "Order is closed", details={"status": status_of(order)})
        self._simulation.cancel(order, now_us)
        return order_object(order)

    def _identified(self, account: Account, fields: Fields) -> Order:
        """The order a body names by exactly one of its two ids."""
        identifier, client_order_id = fields.text("order_id"), fields.text("client_order_id")
        if identifier is not None and client_order_id is not None:
            raise invalid("client_order_id", "Give either order_id or client_order_id")
        if identifier is not None:
            return self._by_id(account, identifier)
        if client_order_id is None:
            raise missing("order_id")
        order = self._archive.by_client_id(account, client_order_id)
        if order is None:
            raise unknown_order()
        return order

    def _by_id(self, account: Account, identifier: str) -> Order:
        order = self._archive.by_id(account, identifier)
        if order is None:
            raise unknown_order()
        return order


def insufficient(*, available: Decimal, required: Decimal, field: str) -> Problem:
    return Problem(
        "INSUFFICIENT_BALANCE",
        f"Insufficient balance: available={cents(available)} USDC, required={cents(required)} USDC",
        field=field,
        details={"available": fixed(available), "required": fixed(required), "asset": "USDC"},
    )


def _check_amendable(order: Order, price: Decimal | None) -> None:
    """A conditional order can be changed while it waits; one without a price has none to change."""
    if not order.is_open:
        raise Problem("ORDER_NOT_AMENDABLE", "Order is closed", details={"status": status_of(order)})
    if order.request.trigger is not None and not order.is_waiting:
        raise Problem("ORDER_NOT_AMENDABLE", "Order was triggered", details={"status": status_of(order)})
    if price is not None and order.price is None:
        raise Problem("ORDER_NOT_AMENDABLE", "This order has no price", field="price")


def _refused(refusal: Refusal) -> Problem:
    """What the engine's refusal looks like on the wire. All else was checked before it was asked."""
    if refusal.reason is Reason.INSUFFICIENT_MARGIN:
        available, required = refusal.available or ZERO, refusal.required or ZERO
        return insufficient(available=available, required=required, field="quantity")
    if refusal.reason is Reason.MARKET_STATE:
        return halted()
    if refusal.reason is Reason.NOT_REDUCING:
        return Problem("REDUCE_ONLY_REJECTED", "There is no position to reduce", field="reduce_only")
    return Problem("INVALID_PRICE", "The order would match at once or is out of range", field="price")
