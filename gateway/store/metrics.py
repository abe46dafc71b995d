"""Numbers of what the store keeps."""

from prometheus_client import Counter, Gauge

TOKENS_FETCHED = Counter("crossgate_tokens_fetched_total", "Logins at a venue by this replica", ["venue"])
TOKENS_REFUSED = Counter("crossgate_tokens_refused_total", "Tokens a venue refused before their end", ["venue"])
MEMORY_SHARE = Gauge("crossgate_store_memory_share", "Part of Redis' maxmemory in use; new orders stop at 0.85")
