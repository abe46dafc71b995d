import httpx
import pytest

from adapters.common.answers import reading, retry_after_s, sane_wait_s
from adapters.errors import VenueProtocolError
from adapters.models import VenueName

VENUE = VenueName("v")


@pytest.mark.parametrize("error", [ValueError("bad"), ArithmeticError(), RecursionError()])
def test_what_cannot_be_read_is_one_class_of_error_with_its_status(error: Exception) -> None:
    with pytest.raises(VenueProtocolError) as caught, reading(VENUE, httpx.Response(201)):
        raise error
    assert (caught.value.http_status, caught.value.__cause__) == (201, error)


def test_a_defect_of_ours_is_not_taken_for_an_unreadable_answer() -> None:
    with pytest.raises(AttributeError), reading(VENUE, httpx.Response(200)):
        raise AttributeError


@pytest.mark.parametrize(("asked", "wait_s"), [(5, 5.0), (-1, 0.0), (1e9, 3600.0), (float("nan"), 0.0)])
def test_waits_stay_sane(asked: float, wait_s: float) -> None:
    assert sane_wait_s(asked) == wait_s


@pytest.mark.parametrize(
    ("header", "wait_s"), [({"retry-after": "3"}, 3.0), ({"retry-after": "soon"}, None), ({}, None)]
)
def test_the_header_in_seconds(header: dict[str, str], wait_s: float | None) -> None:
    assert retry_after_s(httpx.Response(429, headers=header)) == wait_s
