"""Funding of perpetuals: the rate that a premium over the index makes, interval by interval.

Says what the rate is and when an interval is over; moving the money is the engine's.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from sandbox.matching.events import FundingSettled
from sandbox.matching.market import FundingTerms, Market
from sandbox.matching.prices import Prices

ZERO = Decimal(0)
QUANTUM = Decimal("1e-10")
KEPT = 10_000
PAST = 100  # a venue has a past: intervals before the start, at the rate of a book without a premium


@dataclass(slots=True)
class _Interval:
    """The running interval of one market."""

    terms: FundingTerms
    ends_us: int
    premiums: Decimal = ZERO
    samples: int = 0
    history: deque[FundingSettled] = field(default_factory=lambda: deque(maxlen=KEPT))

    def rate(self) -> Decimal:
        terms = self.terms
        premium = self.premiums / self.samples if self.samples else ZERO
        pulled = _clamp(terms.interest - premium, terms.pull)
        return (_clamp(premium + pulled, terms.cap) * terms.share).quantize(QUANTUM)


class Funding:
    """Every market's interval. A pinned rate holds until it is unpinned."""

    def __init__(self, markets: Mapping[str, Market], prices: Prices) -> None:
        self._markets = markets
        self._prices = prices
        self._intervals: dict[str, _Interval] = {}
        self._pinned: dict[str, Decimal] = {}

    def start(self, now_us: int) -> None:
        """Begin the intervals that contain this moment, with a past before it."""
        for symbol, market in self._markets.items():
            if market.funding is not None:
                self._intervals[symbol] = interval = _Interval(market.funding, 0)
                interval.ends_us = (now_us // market.funding.interval_us + 1) * market.funding.interval_us
                rate, index = interval.rate(), self._prices.index(symbol)
                for number in range(PAST, 0, -1):
                    ended_us = interval.ends_us - number * market.funding.interval_us
                    interval.history.append(FundingSettled(symbol, rate, index, index, ended_us))

    def rate(self, symbol: str) -> Decimal:
        """What the running interval would be settled at."""
        pinned = self._pinned.get(symbol)
        return self._intervals[symbol].rate() if pinned is None else pinned

    def next_us(self, symbol: str, now_us: int) -> int:
        """When the interval that contains this moment ends."""
        interval_us = self._intervals[symbol].terms.interval_us
        return (now_us // interval_us + 1) * interval_us

    def history(self, symbol: str) -> Iterator[FundingSettled]:
        """Settled intervals, the newest first."""
        return reversed(self._intervals[symbol].history)

    def pin(self, symbol: str, rate: Decimal | None) -> None:
        if rate is None:
            self._pinned.pop(symbol, None)
        else:
            self._pinned[symbol] = rate

    def is_funded(self, symbol: str) -> bool:
        return symbol in self._intervals

    def sample(self) -> None:
        """Take every book's premium over its index into the running interval."""
        for symbol, interval in self._intervals.items():
            mid, index = self._prices.mid(symbol), self._prices.index(symbol)
            if mid is not None:
                interval.premiums += (mid - index) / index
                interval.samples += 1

    def settle_due(self, now_us: int) -> Iterator[FundingSettled]:
        """Every interval that is over by now, in order, once."""
        while True:
            ended = [(interval.ends_us, symbol) for symbol, interval in self._intervals.items()]
            ended_us, symbol = min(ended, default=(now_us + 1, ""))
            if ended_us > now_us:
                return
            interval = self._intervals[symbol]
            settled = FundingSettled(
                symbol, self.rate(symbol), self._prices.mark(symbol), self._prices.index(symbol), ended_us
            )
            interval.history.append(settled)
            interval.ends_us += interval.terms.interval_us
            interval.premiums, interval.samples = ZERO, 0
            yield settled


def _clamp(value: Decimal, bound: Decimal) -> Decimal:
    return max(-bound, min(bound, value))
