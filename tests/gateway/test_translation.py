"""What a venue call or the store came to, in the words of the contract: never more than is true."""

import pytest

from adapters import errors as venue_errors
from adapters.errors import DefiniteNo, NoAnswer, OutcomeUnknown, RateLimited, VenueError, VenueProtocolError
from adapters.models import VenueName
from gateway.errors import RETRYABLE, Code, Outcome, Refusal
from gateway.translation import read_refusal, store_refusal, write_refusal

V = VenueName("sim")
KINDS = sorted(
    (
        kind
        for kind in vars(venue_errors).values()
        if isinstance(kind, type) and issubclass(kind, VenueError) and kind is not VenueError
    ),
    key=lambda kind: kind.__name__,
)


def test_all_kinds_are_looked_at() -> None:
    assert len(KINDS) >= 14


@pytest.mark.parametrize("kind", KINDS)
def test_only_what_never_left_is_called_not_sent(kind: type[VenueError]) -> None:
    refusal = write_refusal(kind(V, "said"))
    never_left = issubclass(kind, (venue_errors.NeverSent, venue_errors.NotSupported))
    assert (refusal.outcome is Outcome.NOT_SENT) is never_left


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_venues_own_no_is_called_rejected(kind: type[VenueError]) -> None:
    assert (write_refusal(kind(V, "said")).outcome is Outcome.REJECTED) is issubclass(kind, DefiniteNo)


@pytest.mark.parametrize("kind", KINDS)
def test_a_read_has_no_outcome_and_is_never_a_rejected_order(kind: type[VenueError]) -> None:
    refusal = read_refusal(kind(V, "said"))
    assert refusal.outcome is None
    assert refusal.code is not Code.ORDER_REJECTED


@pytest.mark.parametrize("kind", [OutcomeUnknown, NoAnswer, VenueProtocolError])
def test_silence_and_nonsense_are_unknown(kind: type[VenueError]) -> None:
    assert write_refusal(kind(V, "said")).outcome is Outcome.UNKNOWN


def test_the_facts_are_passed_on() -> None:
    error = RateLimited(V, "slow down", retry_after_s=2.5, venue_code="TOO_MANY", http_status=429)
    refusal = write_refusal(error)
    assert (refusal.venue, refusal.venue_code, refusal.retry_after_s) == ("sim", "TOO_MANY", 2.5)
    assert (refusal.message, refusal.details) == ("slow down", {"venue_status": 429})


def test_a_kind_nobody_thought_of_is_no_guess() -> None:
    with pytest.raises(AssertionError):
        write_refusal(VenueError(V, "said"))


def test_the_store_being_away_promises_only_of_writes() -> None:
    assert store_refusal(write=True).outcome is Outcome.NOT_SENT
    assert store_refusal(write=False).outcome is None


@pytest.mark.parametrize("code", Code)
def test_a_refusal_is_retryable_as_its_code_has_it_or_as_is_said(code: Code) -> None:
    assert Refusal(code, "m").retryable is (code in RETRYABLE)
    assert Refusal(code, "m", retryable=False).retryable is False
    assert Refusal(code, "m", retryable=True).retryable is True
