"""Reading bodies and cutting pages, over anything that may be sent."""

import json
import string
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.api.bodies import page_of
from gateway.api.deps import parse_body
from gateway.api.order_bodies import PlaceOrder
from gateway.errors import Code, Refusal
from tests.gateway.api.running import limit_body


def refusal_of(body: bytes) -> Refusal | None:
    try:
        parse_body(PlaceOrder, body)
    except Refusal as refusal:
        return refusal
    return None


def test_finding_a_member_twice_among_thousands_takes_no_time() -> None:
    body = ("{" + ",".join(f'"{number}":0' for number in range(6_000)) + ',"5999":0}').encode()
    started = time.process_time()
    with pytest.raises(Refusal):
        parse_body(PlaceOrder, body)
    assert time.process_time() - started < 0.2


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=50)
@given(st.dictionaries(st.sampled_from(sorted(PlaceOrder.model_fields)) | st.text(max_size=5), json_values, max_size=6))
def test_any_json_is_an_order_or_a_refusal_that_names_the_member(members: dict[str, Any]) -> None:
    refusal = refusal_of(json.dumps(members).encode())
    if refusal is not None:
        assert refusal.code in {Code.INVALID_PARAMETER, Code.INVALID_REQUEST}
        assert json.dumps([refusal.message, refusal.field], ensure_ascii=False).encode()


@given(st.binary(max_size=60))
def test_any_bytes_are_refused_in_our_words(body: bytes) -> None:
    with pytest.raises(Refusal):
        parse_body(PlaceOrder, body)


@given(st.text(string.printable, max_size=30))
def test_no_text_but_the_grammars_is_a_price(text: str) -> None:
    refusal = refusal_of(json.dumps(limit_body(price=text)).encode())
    if refusal is None:
        assert set(text) <= set("0123456789.")
    else:
        assert refusal.field == "price"


@given(st.integers(0, 50), st.integers(1, 12), st.integers(1, 7), st.booleans())
def test_pages_put_together_are_the_list(count: int, page: int, limit: int, is_complete: bool) -> None:
    items = list(range(count))
    cut = page_of(items, page=page, limit=limit, is_complete=is_complete)
    assert cut.items == items[(page - 1) * limit : page * limit]
    assert cut.has_prev is (page > 1)
    assert (cut.total, cut.total_pages) == ((count, -(-count // limit)) if is_complete else (None, None))
    following = page_of(items, page=page + 1, limit=limit, is_complete=is_complete).items
    assert cut.has_next is (bool(following) or (not is_complete and bool(cut.items)))


@given(st.integers(0, 30), st.integers(1, 7), st.booleans())
def test_turning_pages_while_there_is_a_next_one_comes_to_an_end(count: int, limit: int, is_complete: bool) -> None:
    items, seen, page = list(range(count)), [], 1
    while page <= count + 2:
        cut = page_of(items, page=page, limit=limit, is_complete=is_complete)
        seen += cut.items
        if not cut.has_next:
            break
        page += 1
    assert seen == items
    assert page <= count + 2
