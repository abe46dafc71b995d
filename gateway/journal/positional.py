"""Values by position instead of by name: most of Redis' memory is journals, and names would be half of them. Pure.

A dataclass kept so may get more fields at its end, with defaults; one in between would make what is kept unreadable.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from gateway.numbers import plain

T = TypeVar("T")

encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(list[Any])


def decode(data: bytes) -> list[Any]:
    """Raises `ValueError` for what was not encoded here."""
    try:
        return _decoder.decode(data)
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from None


def values_of(value: Any, *, without: Collection[str] = ()) -> list[Any]:
    """The fields of a dataclass in their order; what stands at the end and is as by default is left out."""
    kept: list[Any] = []
    needed = 0
    for field in fields(value):
        if field.name in without:
            continue
        item = getattr(value, field.name)
        kept.append(_plain(item))
        if field.default is MISSING or item != field.default:
            needed = len(kept)
    return kept[:needed]


def _plain(item: Any) -> Any:
    """A number in plain notation; a dataclass by name, without what is as by default."""
    if isinstance(item, Decimal):
        return plain(item)
    if is_dataclass(item):
        named = ((field, getattr(item, field.name)) for field in fields(item))
        return {one.name: _plain(value) for one, value in named if one.default is MISSING or value != one.default}
    return item


def room(kind: type[Any], *, without: Collection[str] = ()) -> int:
    """How many values of the dataclass this version knows; more of them were written by a newer one."""
    return sum(field.name not in without for field in fields(kind))


def made_of(kind: type[T], values: Sequence[Any], *, given: Mapping[str, Any]) -> T:
    """The dataclass that `values_of` took apart; `given` holds what was left out.

    Raises `ValueError` for values that do not fit.
    """
    names = (field.name for field in fields(kind) if field.name not in given)  # type: ignore[arg-type]  # a dataclass
    try:
        return msgspec.convert({**given, **dict(zip(names, values, strict=False))}, kind)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None
