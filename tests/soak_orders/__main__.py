"""`make soak-orders`: thousands of orders, each tried many times, under every fault; exits 1 if a promise broke."""

import argparse
import logging
import random
import sys
import time
from pathlib import Path

from tests.soak_orders.run import Plan, run

MOST_KEYS = 18_000
"""What the ledgers of two venues hold."""
BOUND_S, PER_KEY_S = 120.0, 0.3


def main() -> int:
    parser = argparse.ArgumentParser(prog="make soak-orders ARGS='…'", description=__doc__)
    parser.add_argument("--keys", type=int, default=10_000, help="how many orders, at most 18,000 (default 10,000)")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="of faults and of bots")
    parser.add_argument("--logs", type=Path, help="a directory to be made, where the processes' logs are left")
    asked = parser.parse_args()
    if not 0 < asked.keys <= MOST_KEYS:
        parser.error(f"--keys is from 1 to {MOST_KEYS}")
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # which complains of each connection that was reset
    began_s = time.monotonic()

    def tell(what: str) -> None:
        sys.stdout.write(f"{time.monotonic() - began_s:6.0f} s  {what}\n")
        sys.stdout.flush()

    ledger = run(Plan(asked.seed, asked.keys, most_s=BOUND_S + PER_KEY_S * asked.keys, logs=asked.logs), tell)
    sys.stdout.write(f"{ledger}\n")
    return int(bool(ledger.breaches))


if __name__ == "__main__":
    raise SystemExit(main())
