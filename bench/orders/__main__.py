"""`python -m bench.orders [ROUNDS]`: the table of what an order costs in the gateway; 1 if a floor is missed."""

import shutil
import statistics
import sys
from dataclasses import dataclass

from bench.figures import ROUNDS
from bench.limiter.table import HEADER, Line, percentile
from bench.orders.load import Load
from bench.orders.stage import Measured, cpu_s, staged

CONNECTIONS = 64
WARM_UP_S = 4.0
"""Until the interpreter knows its way and Redis has the scripts."""
SATURATED_S = 3.0
PACED_S = 5.0


@dataclass(frozen=True, slots=True)
class Rate:
    """What was answered while as much was asked as was answered."""

    per_s: float
    per_cpu_s: float
    """Per second of CPU of the process that answers, whatever else held it up."""


@dataclass(frozen=True, slots=True)
class Round:
    gateway: Rate
    nginx: Rate
    through_gateway_s: list[float]
    direct_s: list[float]

    @property
    def ratio(self) -> float:
        return self.gateway.per_cpu_s / self.nginx.per_cpu_s

    def added_ms(self, share: float) -> float:
        """What the gateway adds to the direct call, of the quickest `share` of all."""
        return 1000 * (percentile(self.through_gateway_s, share) - percentile(self.direct_s, share))


def saturated(who: Measured) -> Rate:
    before_s = cpu_s(who.pid)
    answered, seconds = Load(who.address, who.requests, CONNECTIONS).answered(SATURATED_S)
    return Rate(answered / seconds, answered / (cpu_s(who.pid) - before_s))


def paced(who: Measured, per_s: float) -> list[float]:
    return Load(who.address, who.requests, CONNECTIONS).latencies_s(per_s, PACED_S)


def rounds(number: int) -> list[Round]:
    made = list[Round]()
    with staged() as on:
        gateway, nginx, venue = on["gateway"], on["nginx"], on["venue"]
        Load(gateway.address, gateway.requests, CONNECTIONS).answered(WARM_UP_S)
        for each in range(1, number + 1):
            print(f"… round {each} of {number}", file=sys.stderr, flush=True)
            ours, its = saturated(gateway), saturated(nginx)
            half = ours.per_s / 2
            made.append(Round(ours, its, paced(gateway, half), paced(venue, half)))
    return made


def lines(made: list[Round]) -> list[Line]:
    ours, its = (_told(side) for side in ([one.gateway for one in made], [one.nginx for one in made]))
    ratio = statistics.median(one.ratio for one in made)
    table = [Line("orders per second of CPU (of the clock) ÷ nginx `proxy_pass`", ours, its, ratio, 0.04, 0.08)]
    for share, floor, aim in ((0.5, 2, 1), (0.99, 10, 5)):
        through, direct = (
            f"{1000 * statistics.median(percentile(side, share) for side in sides):.1f}"
            for sides in ([one.through_gateway_s for one in made], [one.direct_s for one in made])
        )
        added = statistics.median(one.added_ms(share) for one in made)
        what = f"added to an order at half of that load, p{100 * share:.0f}, ms"
        table.append(Line(what, through, direct, added, floor, aim, is_most=True))
    return table


def _told(rates: list[Rate]) -> str:
    per_cpu_s, per_s = (
        statistics.median(values) for values in zip(*((one.per_cpu_s, one.per_s) for one in rates), strict=True)
    )
    return f"{per_cpu_s:,.0f} ({per_s:,.0f})"


def main(words: list[str]) -> int:
    if shutil.which("nginx") is None:
        print("no nginx here to stand beside; the Debian package nginx-light has it", file=sys.stderr)
        return 2
    table = lines(rounds(int(words[0]) if words else ROUNDS))
    print(HEADER, *table, sep="\n")
    return int(any(line.is_missed for line in table))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
