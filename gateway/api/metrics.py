"""Numbers of the REST edge; routes are labelled by template, so that no id becomes a label."""

from prometheus_client import Counter, Histogram

REQUESTS = Counter("crossgate_http_requests_total", "Requests by route and status", ["method", "route", "status"])
REQUEST_SECONDS = Histogram(
    "crossgate_http_request_seconds",
    "From the first byte of the headers to the last of the answer",
    ["route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
