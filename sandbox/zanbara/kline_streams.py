"""The klines channel: the running bar on change, and every bar once more when it is over."""

from dataclasses import dataclass
from typing import Any

from sandbox.simulation import Simulation
from sandbox.zanbara.bars import Bar, Bars
from sandbox.zanbara.market_data import MarketData
from sandbox.zanbara.public_streams import PACE_US
from sandbox.zanbara.subscriptions import Board, Subscription
from sandbox.zanbara.wire import encode

MOST_AT_ONCE = 1000  # bars that are told after a leap of the clock


@dataclass(slots=True)
class _Told:
    """The running bar as it was last told."""

    bar: Bar
    due_us: int


class KlineStreams:
    """Looks at the bars somebody listens to, whenever time passes."""

    def __init__(self, simulation: Simulation, market_data: MarketData, board: Board) -> None:
        self._tapes = simulation.tapes
        self._market_data = market_data
        self._board = board
        self._told: dict[tuple[str, str], _Told] = {}

    def begin(self, subscription: Subscription, now_us: int) -> None:
        """Send a new subscription the running bar; the others are told first what it already contains."""
        symbol, interval = subscription.symbol or "", subscription.interval or ""
        told = self._told.get((symbol, interval))
        if told is not None:
            told.due_us = now_us
            self._tell(symbol, interval, told, now_us, newcomer=subscription)
        bar = self._market_data.bars(symbol, interval).running(now_us)
        self._told[symbol, interval] = _Told(bar, now_us + PACE_US)
        subscription.send("snapshot", symbol, encode(_written(bar, is_closed=False)), now_us)

    def advance(self, now_us: int) -> None:
        for (symbol, interval), told in list(self._told.items()):
            self._tell(symbol, interval, told, now_us)

    def clock_stepped(self, by_us: int) -> None:
        for told in self._told.values():
            told.due_us += by_us

    def _tell(self, symbol: str, interval: str, told: _Told, now_us: int, newcomer: Subscription | None = None) -> None:
        """Tell what changed since, if it is due: bars that are over, then the one that is running."""
        listening = self._board.listening(None, f"klines.{symbol}.{interval}")
        if not listening:
            del self._told[symbol, interval]
            return
        is_over = told.bar.open_ms + told.bar.length_ms <= now_us // 1000
        if not is_over and now_us < told.due_us:
            return
        if now_us // 1000 < told.bar.open_ms:  # the clock was put back: that bar is yet to come
            told.bar = self._market_data.bars(symbol, interval).running(now_us)
        bars = Bars(self._tapes[symbol].last, interval, told.bar.candle.close, from_ms=told.bar.open_ms)
        running = bars.running(now_us)
        news = [bars.opening_at(open_ms) for open_ms in _opened(told.bar, running)]
        if not news and running == told.bar:
            return
        told.bar, told.due_us = running, now_us + PACE_US
        for bar in (*news, running):
            data = encode(_written(bar, is_closed=bar is not running))
            for subscription in listening:
                if subscription is not newcomer:
                    subscription.send("update", symbol, data, now_us)


def _opened(first: Bar, running: Bar) -> range:
    """When the bars opened that are over by now, the first of them the one last told."""
    opened = range(first.open_ms, running.open_ms, first.length_ms)
    return opened[-MOST_AT_ONCE:]


def _written(bar: Bar, *, is_closed: bool) -> dict[str, Any]:
    return bar.as_json() | {"closed": is_closed}
