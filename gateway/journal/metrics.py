"""Numbers of the journal."""

from prometheus_client import Counter, Gauge

ARCHIVED = Counter("crossgate_archived_entries_total", "Journal entries copied to the archive", ["account"])
ARCHIVE_GAPS = Counter(
    "crossgate_archive_gaps_total", "Places where entries were cut or lost before they were copied", ["account"]
)
ARCHIVE_FAILURES = Counter("crossgate_archive_failures_total", "Rounds that could not copy an account", ["account"])
ARCHIVING = Gauge("crossgate_archiving", "Whether this replica writes the venue's archive", ["venue"])
