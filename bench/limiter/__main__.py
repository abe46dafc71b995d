"""`python -m bench.limiter [PART …]`, `--soak [REQUESTS]`: the table of the limiter's figures; 1 if a floor is missed.

Parts: `speed`, `breaches`, `sharing`, `cancels`; all without one. `--soak` is the test of breaches with a
million requests, or as many as are said.
"""

import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping

from adapters.contract import CallKind
from bench.cores import driving_core, pinned
from bench.figures import ROUNDS
from bench.limiter import ceiling, sharing
from bench.limiter.breaches import breaches, longest_s
from bench.limiter.peers import PEERS
from bench.limiter.redis import HOST, running
from bench.limiter.table import HEADER, Line, percentile
from gateway.store.embedded import find_server

REQUESTS, PEERS_REQUESTS = 20_000, 10_000
SOAK_REQUESTS, SOAK_PEERS_SHARE = 1_000_000, 20
SEED = 6


def speed() -> list[Line]:
    """Decisions per second of one process, the script alone and the peers, in interleaved rounds."""
    subjects = ("ours", "script", *PEERS)
    results: dict[str, list[float]] = {who: [] for who in subjects}
    for number in range(1, ROUNDS + 1):
        for who in subjects:
            _say(f"round {number} of {ROUNDS}: {who}")
            results[who].append(_decisions_per_s(who))
    peers = {"script": (f"{_benchmark_name()} of the script", 0.25, 0.45)}
    peers |= {name: (f"{name}, its quickest way", 3, 4) for name in PEERS}
    lines = []
    for who, (name, floor, aim) in peers.items():
        ratio = statistics.median(ours / its for ours, its in zip(results["ours"], results[who], strict=True))
        ours, its = (f"{statistics.median(results[one]):,.0f}/s" for one in ("ours", who))
        lines.append(Line(f"decisions of one process ÷ {name}", ours, its, ratio, floor, aim))
    return lines


def judged(requests: int, peers_requests: int) -> list[Line]:
    """What arrives above the limit while things break; `peers_requests` are each peer's."""
    ours = breaches("ours", requests, seed=SEED)
    told = ", ".join(f"{number} × {what}" for what, number in sorted(ours.disturbances.items()))
    lines = [Line(f"requests above the limit ({told})", str(ours), "", ours.breaches, 0, 0, is_most=True)]
    for name in PEERS:
        its = breaches(name, peers_requests, seed=SEED)
        lines.append(Line(f"the same with {name}", "", str(its), its.breaches))
    return lines


def shared() -> list[Line]:
    """What three replicas make of one limit."""
    _say("use of the limit")
    used = sharing.use_under_backlog(tuple(CallKind))
    _say("fairness, and calls to Redis")
    jain, calls = sharing.fairness(), sharing.redis_calls_per_request()
    return [
        Line("share of the limit used under backlog, all classes", f"{used:.2%}", "", used, 0.98, 0.99),
        Line(f"Jain index, {sharing.EQUAL_CLIENTS} equal clients on 3 replicas", f"{jain:.4f}", "", jain, 0.95, 0.99),
        Line(f"Redis calls per request, {sharing.WAITERS:,} waiters", f"{calls:.3f}", "", calls, 1, 0.3, is_most=True),
    ]


def cancels() -> list[Line]:
    """How much longer cancels wait while reads saturate."""
    _say("cancels, idle and while reads saturate")
    with running() as redis, pinned(driving_core()):
        waited: Mapping[str, list[float]] = json.loads(_run("bench.limiter.cancels", redis.url))
    idle_ms, saturated_ms = (1000 * percentile(waited[how], 0.99) for how in ("idle", "saturated"))
    what = "cancel wait p99 while reads saturate − idle, ms"
    told = f"{saturated_ms:.1f} − {idle_ms:.1f}"
    return [Line(what, told, "", saturated_ms - idle_ms, 5, 2, is_most=True)]


PARTS: Mapping[str, Callable[[], list[Line]]] = {
    "speed": speed,
    "breaches": lambda: judged(REQUESTS, PEERS_REQUESTS),
    "sharing": shared,
    "cancels": cancels,
}


def _decisions_per_s(who: str) -> float:
    with running() as redis, pinned(driving_core()):
        if who == "script":
            return ceiling.per_s(HOST, redis.port)
        return float(_run("bench.limiter.speed", who, redis.url))


def _run(module: str, *arguments: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", module, *arguments], stdout=subprocess.PIPE, check=True, text=True
    ).stdout


def _benchmark_name() -> str:
    program = ceiling.benchmark_program()
    return (
        f"a pipeline of {ceiling.PIPELINE}"
        if program is None
        else f"{program.rpartition('/')[2]} -P {ceiling.PIPELINE}"
    )


def _say(text: str) -> None:
    print(f"… {text}", file=sys.stderr, flush=True)


def soak(requests: int) -> list[Line]:
    """The test of breaches at length; each peer takes a part of the requests, which is enough to see."""
    of_each_peer = requests // SOAK_PEERS_SHARE
    long_s = longest_s(requests) + len(PEERS) * longest_s(of_each_peer)
    _say(f"{requests:,} requests of ours, {of_each_peer:,} of each peer; given up after {long_s / 60:.0f} minutes")
    return judged(requests, of_each_peer)


def main(words: list[str]) -> int:
    _say(f"on {find_server()}")
    match words:
        case ["--soak"]:
            lines = soak(SOAK_REQUESTS)
        case ["--soak", requests]:
            lines = soak(int(requests))
        case _ if unknown := [word for word in words if word not in PARTS]:
            print(f"there is no part {unknown[0]}; there are {', '.join(PARTS)}", file=sys.stderr)
            return 2
        case _:
            lines = [line for part in words or PARTS for line in PARTS[part]()]
    print(HEADER, *lines, sep="\n")
    return int(any(line.is_missed for line in lines))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
