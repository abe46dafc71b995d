"""Successful answers: the envelope, encoded straight to bytes."""

from typing import Any

from pydantic import TypeAdapter
from starlette.responses import Response

from gateway.api.bodies import Answer, ErrorAnswer, Meta
from gateway.api.context import now_ms

_ADAPTERS: dict[Any, TypeAdapter[Any]] = {}

ERRORS: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": ErrorAnswer, "description": "The request cannot be served as it is."},
    "5XX": {"model": ErrorAnswer, "description": "We or the venue cannot serve it now."},
}
"""Documentation of errors, the same on every route."""


def ok(shape: Any, data: Any, *, meta: Meta | None = None, status: int = 200) -> Response:
    """An answer of `shape` (the type of `data`) in the envelope; members that are null stay, except `meta`."""
    adapter = _ADAPTERS.get(shape)
    if adapter is None:
        adapter = _ADAPTERS[shape] = TypeAdapter(Answer[shape])
    answer = Answer[shape](data=data, meta=meta, timestamp=now_ms())
    body = adapter.dump_json(answer, exclude=None if meta else {"meta"})
    return Response(body, status, media_type="application/json")


def meta_of(source: str, as_of_us: int, integrity: str = "ok") -> Meta:
    """Freshness of a read, as of now."""
    age_ms = max(0, now_ms() - as_of_us // 1_000)
    return Meta.model_validate({"source": source, "as_of_us": as_of_us, "age_ms": age_ms, "integrity": integrity})
