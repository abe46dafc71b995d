"""Ids of orders: what we mint is read back whole, and nothing else is an id."""

import string

from hypothesis import given
from hypothesis import strategies as st

from adapters.models import AccountName, Symbol, VenueClientId, VenueName
from gateway.orders.identity import ORDER_ID_MAX, Identities, OrderIdentity

OURS, FOREIGN = Identities(bytes(range(32))), Identities(bytes(32))

words = st.text(string.ascii_lowercase + string.digits + "-", min_size=1, max_size=63)
identities = st.builds(
    OrderIdentity,
    venue=words.map(VenueName),
    account=words.map(AccountName),
    symbol=words.map(Symbol),
    owner=words,
    venue_client_id=st.integers(0, 2**32 - 1).map(lambda number: VenueClientId(str(number))),
)


@given(identities)
def test_what_was_minted_is_read_back(identity: OrderIdentity) -> None:
    assert OURS.read(OURS.order_id(identity)) == identity


@given(identities)
def test_the_longest_names_still_fit_an_id(identity: OrderIdentity) -> None:
    assert len(OURS.order_id(identity)) <= ORDER_ID_MAX


@given(identities, st.data())
def test_any_changed_character_is_refused(identity: OrderIdentity, data: st.DataObject) -> None:
    order_id = OURS.order_id(identity)
    place = data.draw(st.integers(0, len(order_id) - 1))
    letter = data.draw(
        st.sampled_from(string.ascii_letters + string.digits + "-_+/=.é ").filter(order_id[place].__ne__)
    )
    assert OURS.read(order_id[:place] + letter + order_id[place + 1 :]) is None


@given(identities, st.sampled_from(["=", "==", "A", "\n", " ", "\x00", "é"]))
def test_anything_behind_an_id_is_refused(identity: OrderIdentity, more: str) -> None:
    order_id = OURS.order_id(identity)
    assert OURS.read(order_id + more) is None
    assert OURS.read(more + order_id) is None


@given(identities)
def test_an_id_under_another_key_is_none(identity: OrderIdentity) -> None:
    assert OURS.read(FOREIGN.order_id(identity)) is None


@given(st.text(max_size=500))
def test_text_of_others_is_no_id_and_no_error(text: str) -> None:
    assert OURS.read(text) is None


def test_an_id_never_changes() -> None:
    """A record from before an upgrade, and a cancel by an id from before it, depend on this."""
    identity = OrderIdentity(
        VenueName("backpack"), AccountName("main"), Symbol("SOL-USDC"), "bot", VenueClientId("4294967295")
    )
    assert OURS.order_id(identity) == "7CCoOFKORXIX8WJhY2twYWNrH21haW4fU09MLVVTREMfYm90HzQyOTQ5NjcyOTU"
    digest = OURS.client_id_digest(VenueName("backpack"), AccountName("main"), "bot", "one", 0)
    assert digest.hex() == "0ba8f133f0bfd7917596621f21603c3cd046df94335792391095fa1c85045530"


@given(st.lists(st.tuples(words, words, words, words, st.integers(0, 2)), min_size=2, max_size=2, unique=True))
def test_every_part_of_the_key_changes_the_venues_id(both: list[tuple[str, str, str, str, int]]) -> None:
    first, second = (
        OURS.client_id_digest(VenueName(venue), AccountName(account), owner, client_order_id, salt)
        for venue, account, owner, client_order_id, salt in both
    )
    assert first != second
