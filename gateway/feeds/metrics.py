"""What an operator sees of a venue's streams: every name a dashboard uses is here."""

from prometheus_client import Counter, Gauge, Histogram

published = Counter("crossgate_feed_published_total", "Messages published by the owner.", ["venue", "channel"])
unpublished = Counter("crossgate_feed_unpublished_total", "Messages that Redis may not have taken.", ["venue"])
resyncs = Counter("crossgate_feed_resyncs_total", "Books given up and rebuilt.", ["venue"])
fetches = Counter("crossgate_feed_fetches_total", "States fetched over REST.", ["venue", "channel", "result"])
topics = Gauge("crossgate_feed_topics", "Topics this replica keeps as owner.", ["venue"])
is_owner = Gauge("crossgate_feed_lease_held", "1 while this replica owns the venue's streams.", ["venue"])
terms = Counter("crossgate_feed_terms_total", "Times this replica became owner.", ["venue"])
failures = Counter("crossgate_feed_failures_total", "Loops that failed and were started again.", ["loop"])
lag = Histogram(
    "crossgate_feed_lag_seconds",
    "From the venue's own time of an event to its arrival at the owner; two machines' clocks are compared.",
    ["venue"],
    buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
)
