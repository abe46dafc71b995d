"""`account.*`: orders and balances as they change, positions with every fill and, once a second, with the mark."""

from decimal import Decimal
from typing import Any

from sandbox.backpack import account_frames
from sandbox.backpack.frames import frame
from sandbox.matching import Account, Engine
from sandbox.matching.events import BalanceEvent, OrderEvent, PositionEvent
from sandbox.sockets import Hub, Topic

POSITIONS = "account.positionUpdate"


class AccountStreams:
    """Follows accounts for whoever subscribed."""

    def __init__(self, engine: Engine, hub: Hub) -> None:
        self._engine = engine
        self._hub = hub
        self._told_marks: dict[tuple[Topic, str], Decimal] = {}

    def on_order(self, event: OrderEvent, now_us: int) -> None:
        if event.kind not in account_frames.ORDER_EVENTS:
            return
        name, symbol = event.order.account.name, event.order.market.symbol
        for stream in ("account.orderUpdate", f"account.orderUpdate.{symbol}"):
            if self._hub.has((name, stream)):
                self._hub.publish((name, stream), frame(stream, account_frames.order_update(event, now_us)))

    def on_balance(self, event: BalanceEvent, now_us: int) -> None:
        topic = (event.account.name, "account.balanceUpdate")
        if self._hub.has(topic):
            self._hub.publish(topic, frame(topic[1], account_frames.balance_update(event, now_us)))

    def on_position(self, event: PositionEvent, now_us: int) -> None:
        for stream in (POSITIONS, f"{POSITIONS}.{event.symbol}"):
            topic = (event.account.name, stream)
            if self._hub.has(topic):
                self._told_marks[topic, event.symbol] = self._engine.mark(event.symbol)
                data = account_frames.position_update(event, self._engine, now_us)
                self._hub.publish(topic, frame(stream, data))

    def snapshots(self, account: Account, stream: str, now_us: int) -> list[str]:
        """The frames a new subscriber to positions gets at once."""
        return [frame(stream, data) for data in self._snapshots(account, stream, now_us)]

    def each_second(self, now_us: int) -> None:
        """Tell positions whose mark is another one than was last told."""
        for topic in self._hub.topics():
            name, stream = topic
            if name is None or not stream.startswith(POSITIONS):
                continue
            for data in self._snapshots(self._engine.accounts[name], stream, now_us):
                told, mark = self._told_marks.get((topic, data["s"])), self._engine.mark(data["s"])
                self._told_marks[topic, data["s"]] = mark
                if told is not None and told != mark:
                    self._hub.publish(topic, frame(stream, data | {"e": "positionAdjusted"}))

    def _snapshots(self, account: Account, stream: str, now_us: int) -> list[dict[str, Any]]:
        symbol = stream.removeprefix(POSITIONS).removeprefix(".")
        return [
            account_frames.position_snapshot(account, held, position, self._engine, now_us)
            for held, position in account.positions.items()
            if symbol in ("", held)
        ]
