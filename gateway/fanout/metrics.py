"""What an operator sees of the fan-out: every name a dashboard uses is here."""

from prometheus_client import Counter, Gauge, Histogram

received = Counter("crossgate_fanout_received_total", "Messages read from Redis.", ["venue"])
ignored = Counter("crossgate_fanout_ignored_total", "Messages not passed on.", ["venue", "reason"])
gaps = Counter("crossgate_fanout_gaps_total", "Times a topic lost its thread.", ["venue"])
topics = Gauge("crossgate_fanout_topics", "Topics this replica reads.")
dropped = Counter("crossgate_fanout_dropped_total", "Messages given up because a client was slow.", ["channel"])
lag = Histogram(
    "crossgate_fanout_lag_seconds",
    "From the owner's publish to our receipt; two machines' clocks are compared.",
    buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0),
)
reconnects = Counter("crossgate_fanout_reconnects_total", "Times the connection to Redis was opened anew.")
