"""`kline.<interval>.<symbol>`: a candle that changed, at most once a second, and its last frame when it closes."""

from dataclasses import dataclass

from sandbox.backpack import frames
from sandbox.backpack.candles import INTERVALS, Interval, candles
from sandbox.simulation import Simulation
from sandbox.sockets import Hub, Topic
from sandbox.tape import Candle


@dataclass(slots=True)
class _Running:
    """The candle a stream is telling, and how many trades of it were told."""

    start_us: int
    told_trades: int = 0


class KlineStreams:
    """Follows tapes for whoever subscribed."""

    def __init__(self, simulation: Simulation, hub: Hub) -> None:
        self._simulation = simulation
        self._hub = hub
        self._running: dict[Topic, _Running] = {}

    def each_second(self, now_us: int) -> None:
        topics = [topic for topic in self._hub.topics() if topic[0] is None and topic[1].startswith("kline.")]
        for topic in self._running.keys() - topics:
            del self._running[topic]
        for topic in topics:
            self._tell(topic, now_us)

    def _tell(self, topic: Topic, now_us: int) -> None:
        _, label, symbol = topic[1].split(".", 2)
        interval = INTERVALS[label]
        start_us = interval.start_of(now_us)
        running = self._running.get(topic)
        if running is None or running.start_us > start_us:  # the latter after the clock was put back
            running = self._running[topic] = _Running(start_us)
        elif running.start_us < start_us:
            self._publish(topic, interval, running.start_us, now_us, is_closed=True)
            running.start_us, running.told_trades = start_us, 0
        candle = self._candle(symbol, interval, start_us)
        if candle is not None and candle.trades > running.told_trades:
            running.told_trades = candle.trades
            self._publish(topic, interval, start_us, now_us, is_closed=False)

    def _publish(self, topic: Topic, interval: Interval, start_us: int, now_us: int, *, is_closed: bool) -> None:
        stream = topic[1]
        symbol = stream.split(".", 2)[2]
        candle = self._candle(symbol, interval, start_us)
        data = frames.kline(symbol, candle, start_us, interval.end_of(start_us), now_us, is_closed=is_closed)
        self._hub.publish(topic, frames.frame(stream, data))

    def _candle(self, symbol: str, interval: Interval, start_us: int) -> Candle | None:
        chart = self._simulation.tapes[symbol].last
        return next(candles(chart, interval, from_us=start_us, until_us=start_us + 1), None)
