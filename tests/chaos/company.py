"""What a fleet under chaos is like: venues that count strictly, and gateways that conclude quickly."""

from typing import Any

from tests.harness.fleet import Extra, FleetOptions

PERIOD_MS = 2_000
"""The venues' real period thirty times shorter."""
OURS = {
    "backpack": {"account": 80, "ip": 80, "account_historical": 40, "ip_historical": 40},
    "zanbara": {"ip_trade": 60, "account_trade": 40, "ip_query": 120, "account_query": 100},
}
THEIRS = {
    "backpack": {"standard": 80, "historical": 40},
    "zanbara": {
        "ip_trade": 60,
        "key_trade": 40,
        "ip_query": 120,
        "key_query": 100,
        "ip_market": 1000,
        "ip_system": 1000,
    },
}
"""The same limits in the words of the gateway and of the simulated venues."""


def company(*plants: str) -> FleetOptions:
    """Two replicas at both venues; bugs are planted in each replica."""
    venue: dict[str, Any] = {"order_timeout_s": 0.8, "read_timeout_s": 1}
    return FleetOptions(
        sandbox_arguments={
            name: [
                *(part for kind, limit in limits.items() for part in ("--limit", f"{kind}={limit}")),
                *("--limit-period-ms", str(PERIOD_MS), "--strict-limits"),
            ]
            for name, limits in THEIRS.items()
        },
        settings={
            "orders": {"window_ms": 500, "clock_error_ms": 100, "history_lag_ms": 200, "claim_lease_ms": 1_500},
            "venues": {name: venue | {"limits": _limits(limits)} for name, limits in OURS.items()},
            "feeds": {"lease_ms": 800},
        },
        extras={number: Extra(plants=plants) for number in range(2)},
    )


def _limits(limits: dict[str, int]) -> dict[str, dict[str, int]]:
    return {name: {"limit": limit, "period_ms": PERIOD_MS} for name, limit in limits.items()}
