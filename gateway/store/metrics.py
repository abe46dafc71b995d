"""Numbers of what the store keeps."""

from prometheus_client import Counter, Gauge, Histogram

TOKENS_FETCHED = Counter("crossgate_tokens_fetched_total", "Logins at a venue by this replica", ["venue"])
TOKENS_FAILED = Counter("crossgate_token_failures_total", "Logins at a venue that failed", ["venue"])
TOKENS_REFUSED = Counter("crossgate_tokens_refused_total", "Tokens a venue refused before their end", ["venue"])
MEMORY_SHARE = Gauge("crossgate_store_memory_share", "Part of Redis' maxmemory in use; new orders stop at 0.85")
REDIS_UP = Gauge("crossgate_redis_up", "Whether Redis answered the last time it was asked")
ROUND_TRIP = Histogram(
    "crossgate_redis_round_trip_seconds",
    "From writing a batch of calls to its last reply",
    buckets=(0.00025, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1),
)
ERRORS = Counter(
    "crossgate_redis_errors_total",
    "Calls that failed: the connection was lost with them on it, Redis refused, or they could not be written",
    ["reason"],
)
