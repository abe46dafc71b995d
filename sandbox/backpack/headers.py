"""Response headers as the venue sends them, made once: how long which answers may be cached, and pages.

What belongs to the network in front of the venue (`Via`, `X-Cache`, `Age`) is not sent: there is none here.
"""

Headers = tuple[tuple[str, str], ...]

_ALWAYS: Headers = (
    ("Vary", "Origin"),
    ("Strict-Transport-Security", "max-age=31536000; includeSubDomains"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "SAMEORIGIN"),
    ("X-Xss-Protection", "1; mode=block"),
    ("Referrer-Policy", "strict-origin-when-cross-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=()"),
)
_STALE = "stale-if-error=3600"


def _cached(age_s: int, stale_s: int) -> Headers:
    return (*_ALWAYS, ("Cache-Control", f"public, s-maxage={age_s}, stale-while-revalidate={stale_s}, {_STALE}"))


UNCACHED: Headers = (*_ALWAYS, ("Cache-Control", 'no-cache="Set-Cookie"'))
MARKETS = _cached(300, 600)
TICKERS = _cached(20, 10)
OPEN_INTEREST = _cached(5, 5)
KLINES = _cached(60, 120)
HISTORY: Headers = (*_ALWAYS, ("Cache-Control", "no-store"))
_EXPOSED = ("Access-Control-Expose-Headers", "X-Total,X-Page-Size,X-Page-Count,X-Current-Page")


def page_headers(total: int, shown: int, limit: int, offset: int) -> Headers:
    """The paging headers of a history; an empty result counts as one page of one."""
    return (
        *HISTORY,
        ("X-Total", str(total)),
        ("X-Page-Size", str(max(1, shown))),
        ("X-Page-Count", str(max(1, -(-total // limit)))),
        ("X-Current-Page", str(offset // limit + 1)),
        _EXPOSED,
    )
