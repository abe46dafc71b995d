"""Public shapes: what clients send and what they get. Decimals are strings in plain notation, both ways."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

from gateway.numbers import GRAMMAR, parse_decimal, plain

T = TypeVar("T")

Number = Annotated[
    Decimal,
    BeforeValidator(parse_decimal),
    WithJsonSchema({"type": "string", "pattern": GRAMMAR, "example": "0.25"}, mode="validation"),
]
"""A decimal string on its way in."""

Plain = Annotated[
    Decimal,
    PlainSerializer(plain, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "example": "0.25"}, mode="serialization"),
]
"""A decimal on its way out."""

TIME_MAX_MS = 9_999_999_999_999
TimeMs = Annotated[int, Field(ge=0, le=TIME_MAX_MS)]


class Body(BaseModel):
    """What clients send: an unknown member is an error, and nothing is coerced."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Shape(BaseModel):
    """What clients get."""

    model_config = ConfigDict(frozen=True)


class Meta(Shape):
    """How fresh a read is."""

    source: Literal["stream", "cache", "venue"]
    as_of_us: int
    age_ms: int
    integrity: Literal["ok", "resyncing", "stale"] = "ok"


class Answer(Shape, Generic[T]):
    """The envelope of every success."""

    success: Literal[True] = True
    data: T
    meta: Meta | None = None
    timestamp: int


class Page(Shape, Generic[T]):
    """One page of a list; the totals are null where nobody counted."""

    items: list[T]
    total: int | None
    page: int
    limit: int
    total_pages: int | None
    has_next: bool
    has_prev: bool


class GrowingPage(Page[T], Generic[T]):
    """A page of a list that grows while it is read: the next one is asked for by `cursor`, not by number."""

    cursor: str

    @classmethod
    def of(cls, items: list[T], *, cursor: str, limit: int, has_next: bool) -> Self:
        return cls(
            items=items,
            total=None,
            page=1,
            limit=limit,
            total_pages=None,
            has_next=has_next,
            has_prev=False,
            cursor=cursor,
        )


class ErrorObject(Shape):
    code: str
    message: str
    field: str | None = None
    details: Mapping[str, Any] | None = None
    retry_after: int | None = None
    retryable: bool
    outcome: Literal["not_sent", "rejected", "unknown"] | None = None
    venue: str | None = None
    venue_code: str | None = None
    request_id: str


class ErrorAnswer(Shape):
    """The envelope of every error."""

    success: Literal[False] = False
    error: ErrorObject
    timestamp: int


def page_of(items: list[T], *, page: int, limit: int, is_complete: bool = True) -> Page[T]:
    """Cut one page out of a list; `is_complete` False: there are more behind it than were counted."""
    start = (page - 1) * limit
    total = len(items) if is_complete else None
    return Page(
        items=items[start : start + limit],
        total=total,
        page=page,
        limit=limit,
        total_pages=-(-len(items) // limit) if is_complete else None,
        # Past the end of what was looked at there is nothing more to be had, however much there is.
        has_next=start + limit < len(items) or (not is_complete and start < len(items)),
        has_prev=page > 1,
    )
