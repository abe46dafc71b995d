"""Numbers of the order path."""

from contextlib import suppress

from prometheus_client import Counter, Gauge, Histogram

from adapters.models import AccountName

ORDERS = Counter("crossgate_orders_total", "Orders by what their send came to", ["venue", "status"])
CANCELS = Counter("crossgate_cancels_total", "Cancels the venue took", ["venue"])
WITHDRAWN = Counter(
    "crossgate_withdrawals_total", "Cancels of dead-man switches and of unknown orders that the venue took", ["account"]
)
DEAD_MAN_FIRED = Counter("crossgate_dead_man_fired_total", "Dead-man switches that this replica fired", ["account"])
DEAD_MAN_DONE = Counter(
    "crossgate_dead_man_done_total", "Firings of dead-man switches with no order left, as this replica saw", ["account"]
)
UNKNOWN_SETTLED = Counter(
    "crossgate_orders_settled_total", "Unknown orders settled, by the state found", ["venue", "state"]
)
PRIVATE_STREAMS = Gauge("crossgate_private_stream_up", "Whether this replica follows the account's stream", ["account"])
FOREIGN_EVENTS = Counter(
    "crossgate_foreign_order_events_total", "Events of orders that none of our records knows", ["account"]
)
STUCK = Gauge("crossgate_orders_stuck", "Stuck orders of an account: each holds its market", ["account"])
READY = Gauge("crossgate_account_ready", "Whether the account takes new orders", ["account"])
ORPHANS = Gauge("crossgate_orphan_orders", "Orders at the venue that none of our records knows", ["account"])
DUPLICATES = Gauge("crossgate_duplicate_orders", "Client ids under which more than one order rests", ["account"])
PENDING = Gauge("crossgate_orders_pending", "Orders on their way to the venue, or unknown", ["account"])
UNKNOWN = Gauge("crossgate_orders_unknown", "Orders of which nobody knows whether the venue has them", ["account"])
LIVE = Gauge("crossgate_orders_live", "Orders that rest at the venue", ["account"])
TENDED = Gauge("crossgate_account_tended", "Whether this replica sweeps and follows the account", ["account"])
SWEEP_FAILURES = Counter("crossgate_sweep_failures_total", "Sweeps of an account that failed", ["account"])
_OF_WHO_TENDS = (PENDING, UNKNOWN, LIVE, ORPHANS, DUPLICATES)


def tended(account: AccountName, *, is_ours: bool) -> None:
    """Say whose account it is; of one that is another's to tend, this replica shows no orders."""
    TENDED.labels(account).set(is_ours)
    if not is_ours:
        for gauge in _OF_WHO_TENDS:
            with suppress(KeyError):
                gauge.remove(account)


SEND_SECONDS = Histogram(
    "crossgate_order_send_seconds",
    "From claim to settled, the limiter's wait included",
    ["venue"],
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)


def forget(account: str) -> None:
    """The account is no longer looked at here: what every replica says of it is not said any more."""
    for gauge in (READY, STUCK):
        with suppress(KeyError):
            gauge.remove(account)
