"""A run's ledger, as it is printed."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tests.soak_orders.book import Breach, Page
from tests.soak_orders.settled import Settled, percentile

SHOWN = 10
_WIDTH = 46


@dataclass(slots=True)
class Ledger:
    """All that is known of a run in the end."""

    seed: int
    keys: int
    took_s: float
    pages: list[Page]
    at_venues: Counter[str]
    disturbances: Counter[str]
    struck: Counter[str]
    settled: list[Settled]
    floors_ms: Mapping[str, int]
    breaches: list[tuple[Breach, str]] = field(default_factory=list)

    def judge_times(self) -> None:
        for venue, floor_ms in self.floors_ms.items():
            p99 = percentile([one.took_ms for one in self.settled if one.venue == venue], 0.99)
            if p99 > floor_ms:
                self.breaches.append((Breach.SLOW, f"{venue}: p99 {p99} ms, and {floor_ms} are allowed"))

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        attempts = sum(len(page.told) for page in self.pages)
        yield f"seed {self.seed}: {self.keys} keys, {attempts} attempts, {self.took_s:.0f} s"
        yield from _counted("orders at the venues, by their own ledgers", self.at_venues)
        yield from _counted("answers", Counter(told.shown for page in self.pages for told in page.told))
        yield from _counted(
            "how keys ended", Counter(page.ended.shown if page.ended else "unsettled" for page in self.pages)
        )
        yield from _counted("faults of processes, links and clocks", self.disturbances)
        yield from _counted("faults of venues, by requests struck", self.struck)
        unknown = [one for one in self.settled if one.cause is not None]
        what = Counter(f"{one.venue}: {one.evidence}" for one in unknown)
        yield from _counted("orders that were unknown, by what settled them", what)
        yield "settle times, ms: from an order's first send to its settled state, by Redis' clock"
        for venue, floor_ms in self.floors_ms.items():
            for name, some in (("all", self.settled), ("those that were unknown", unknown)):
                own = [one for one in some if one.venue == venue]
                yield _times(f"{venue}: {name}", [one.took_ms for one in own])
                yield _times("    without time a replica or Redis was away", [one.running_ms for one in own])
            yield f"    {venue + ': floor of p99 of all':<{_WIDTH}} {floor_ms}"
        yield "slowest"
        for one in sorted(self.settled, key=lambda one: -one.took_ms)[:SHOWN]:
            yield f"    {one.took_ms:>6} ms {one.venue} {one.client_order_id}: {one.cause} → {one.evidence}"
        counted = Counter(breach for breach, _ in self.breaches)
        yield from _counted("breaches", Counter({breach.value: counted[breach] for breach in Breach}))
        yield from (f"        {breach}: {what}" for breach, what in self.breaches[:SHOWN])
        yield f"VERDICT: {'every promise kept' if not self.breaches else 'BROKEN'}"


def _counted(title: str, counts: Counter[str]) -> Iterator[str]:
    yield title
    yield from (f"    {name:<{_WIDTH}} {count:>8}" for name, count in counts.most_common())


def _times(title: str, values: list[int]) -> str:
    shown = " ".join(f"p{share * 100:g} {percentile(values, share)}" for share in (0.5, 0.9, 0.99, 0.999))
    return f"    {title:<{_WIDTH}} {shown} max {max(values, default=0)} of {len(values)}"
