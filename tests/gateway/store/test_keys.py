import pytest

from adapters.models import VenueName
from gateway.store import keys


def test_all_keys_of_a_venue_share_one_hash_tag() -> None:
    venue = VenueName("zanbara")
    made = [keys.limit_rule(venue, "ip", "default", "{x}"), keys.limit_epoch(venue), keys.limit_replicas(venue)]
    assert all(key.startswith("cg:{zanbara}:limit:") for key in made)
    assert len(set(made)) == len(made)


@pytest.mark.parametrize("name", ["", "a{b", "a}b"])
def test_a_venue_name_that_would_break_the_tag_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="hash tag"):
        keys.limit_epoch(VenueName(name))


def test_a_rule_state_outlives_whatever_is_in_use() -> None:
    assert keys.limit_rule_ttl_ms(10_000_000, 60_000_000) >= 2 * 70_000
