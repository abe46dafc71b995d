"""The scripts of the order path on a real Redis: what each does, and that doing it twice does nothing more."""

from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from uuid import uuid4

import pytest

from adapters.models import AccountName, OrderStatus, VenueClientId, VenueName
from gateway.orders import lifecycle
from gateway.orders.identity import Identities, OrderIdentity
from gateway.orders.record import Intent, OrderRecord, Place, State
from gateway.orders.records import Added, Claim, Records
from gateway.settings import OrderSettings
from gateway.store import keys
from gateway.store.client import Store
from tests.gateway.orders.replica import make_ready
from tests.gateway.orders.samples import FILL, INTENT
from tests.redis_process import RedisProcess

ACCOUNT = AccountName("main")
CONTENT = b"\x00" * 32
LEASE_MS = 60_000
IDENTITIES = Identities(bytes(range(32)))


class Kept:
    """The records of one venue, with short hands."""

    def __init__(self, store: Store):
        self.store = store
        self.venue = VenueName(f"v{uuid4().hex}")
        self.records = Records(store, self.venue, IDENTITIES, OrderSettings(assume_none_sent=True))

    def intent(self, client_order_id: str = "one", salt: int = 0, cid: str | None = None) -> Intent:
        venue_client_id = VenueClientId(cid or f"{client_order_id}-{salt}")
        identity = OrderIdentity(self.venue, ACCOUNT, INTENT.symbol, INTENT.owner, venue_client_id)
        return replace(
            INTENT,
            venue=self.venue,
            order_id=IDENTITIES.order_id(identity),
            client_order_id=client_order_id,
            venue_client_id=venue_client_id,
        )

    async def claim(self, *intents: Intent, nonce: str = "a", content: bytes = CONTENT) -> tuple[Claim, str]:
        found = await self.records.claim(intents or (self.intent(),), nonce=nonce, content=content, lease_ms=LEASE_MS)
        return found.claim, found.order_id

    async def begin(
        self, intent: Intent | None = None, *, nonce: str = "a", ahead_ms: int = 0
    ) -> tuple[int | None, int]:
        leave = await self.records.begin_send(
            intent or self.intent(), nonce=nonce, clock_difference_ms=ahead_ms, window_ms=2_000, lease_ms=LEASE_MS
        )
        return leave.send_ms, leave.version

    async def get(self, intent: Intent | None = None) -> OrderRecord:
        record = await self.records.get((intent or self.intent()).order_id)
        assert record is not None
        return record

    async def everything(self) -> dict[bytes, object]:
        """All that is kept of this venue, for comparing before and after."""
        found: dict[bytes, object] = {}
        for name in sorted(await self.store.command("KEYS", f"*{{{self.venue}}}*")):
            if b":readiness:" in name:
                continue
            kind = await self.store.command("TYPE", name)
            reads = {
                b"hash": ("HGETALL", name),
                b"zset": ("ZRANGE", name, 0, -1, "WITHSCORES"),
                b"string": ("GET", name),
                b"stream": ("XRANGE", name, "-", "+"),
            }
            found[name] = await self.store.command(*reads[bytes(kind)])
        return found

    async def ttl_ms(self, name: str) -> int:
        return int(await self.store.command("PTTL", name))


@pytest.fixture
async def kept(orders_redis: RedisProcess) -> AsyncIterator[Kept]:
    async with Store.open(orders_redis.url) as store:
        kept = Kept(store)
        await make_ready(kept.records)
        await store.command("DEL", keys.journal(kept.venue, ACCOUNT))  # the epoch's entry
        yield kept


async def test_a_claim_is_there_before_anything_is_sent(kept: Kept) -> None:
    intent = kept.intent()
    assert await kept.claim(intent) == (Claim.CLAIMED, intent.order_id)
    record = await kept.get()
    assert (record.state, record.version, record.intent, record.nonce) == (State.CLAIMED, 1, intent, "a")
    assert await kept.records.due(ACCOUNT, record.lease_until_ms) == [intent.order_id]
    assert await kept.records.due(ACCOUNT, record.lease_until_ms - 1) == []
    assert [place.order_id for place in await kept.records.recent(ACCOUNT, count=9)] == [intent.order_id]
    assert await kept.records.accepted(ACCOUNT, "bot", "one") == (intent.order_id, CONTENT)


async def test_a_claim_run_twice_is_one_claim(kept: Kept) -> None:
    first = await kept.claim()
    before = await kept.everything()
    assert await kept.claim() == first
    assert await kept.everything() == before


async def test_the_same_id_exists_and_other_content_conflicts(kept: Kept) -> None:
    _, order_id = await kept.claim()
    before = await kept.everything()
    assert await kept.claim(nonce="b") == (Claim.EXISTS, order_id)
    assert await kept.claim(nonce="b", content=b"\x01" * 32) == (Claim.CONFLICT, order_id)
    assert await kept.claim(nonce="a", content=b"\x01" * 32) == (Claim.CONFLICT, order_id)
    assert await kept.everything() == before


async def test_an_order_past_its_time_is_not_claimed(kept: Kept) -> None:
    claim, _ = await kept.claim(replace(kept.intent(), valid_until_ms=1))
    assert claim is Claim.EXPIRED
    assert await kept.everything() == {}


async def test_an_accepted_id_answers_even_when_its_time_has_passed(kept: Kept) -> None:
    _, order_id = await kept.claim()
    late = replace(kept.intent(), valid_until_ms=1)
    assert await kept.claim(late, nonce="b") == (Claim.EXISTS, order_id)


async def test_a_taken_client_id_of_the_venue_is_stepped_aside_from(kept: Kept) -> None:
    await kept.claim(kept.intent("one", cid="7"))
    second = kept.intent("two", cid="8")
    assert await kept.claim(kept.intent("two", cid="7"), second) == (Claim.CLAIMED, second.order_id)
    claim, _ = await kept.claim(kept.intent("three", cid="7"), kept.intent("three", cid="8"))
    assert claim is Claim.FULL
    assert await kept.records.by_client_order_id(ACCOUNT, "bot", "three") is None


async def test_ids_of_other_clients_and_accounts_do_not_meet(kept: Kept) -> None:
    await kept.claim(kept.intent(cid="7"))
    await make_ready(kept.records, AccountName("b"))
    for other in (
        replace(kept.intent(cid="8"), owner="other"),
        replace(kept.intent(cid="7"), account=AccountName("b")),
    ):
        claim, _ = await kept.claim(replace(other, order_id=f"{other.owner}{other.account}"), content=b"\x02" * 32)
        assert claim is Claim.CLAIMED


async def test_the_send_time_is_redis_time_in_the_venues_clock(kept: Kept) -> None:
    await kept.claim()
    before_ms = await kept.store.time_us() // 1_000
    send_ms, version = await kept.begin(ahead_ms=-70_000)
    after_ms = await kept.store.time_us() // 1_000
    assert send_ms is not None
    assert before_ms <= send_ms + 70_000 <= after_ms
    record = await kept.get()
    assert (record.state, record.version, record.send_ms, record.window_ms) == (State.SENT, version, send_ms, 2_000)


async def test_the_send_time_is_fixed_once(kept: Kept) -> None:
    await kept.claim()
    first = await kept.begin()
    before = await kept.everything()
    assert await kept.begin(ahead_ms=5_000) == first
    assert await kept.everything() == before


async def test_only_the_claims_own_holder_may_send(kept: Kept) -> None:
    await kept.claim()
    before = await kept.everything()
    assert await kept.begin(nonce="b") == (None, 0)
    assert await kept.everything() == before


async def test_nothing_may_be_sent_without_a_claim(kept: Kept) -> None:
    assert await kept.begin() == (None, 0)
    assert await kept.everything() == {}


@pytest.mark.parametrize("state", [State.UNKNOWN, State.LIVE, State.DONE])
async def test_what_has_got_further_is_not_sent_again(kept: Kept, state: State) -> None:
    await kept.claim()
    await kept.begin()
    assert await kept.records.write(replace(await kept.get(), state=state))
    send_ms, _ = await kept.begin()
    assert send_ms is None


async def test_an_order_past_its_time_is_not_sent(kept: Kept) -> None:
    await kept.claim()
    leave = await kept.records.begin_send(
        replace(kept.intent(), valid_until_ms=1), nonce="a", clock_difference_ms=0, window_ms=1, lease_ms=1
    )
    assert (leave.send_ms, leave.expired) == (None, True)
    assert (await kept.get()).state is State.CLAIMED


async def test_a_write_over_a_newer_version_changes_nothing(kept: Kept) -> None:
    await kept.claim()
    claimed = await kept.get()
    await kept.begin()
    before = await kept.everything()
    assert not await kept.records.write(replace(claimed, state=State.DONE))
    assert await kept.everything() == before


@pytest.mark.parametrize("state", [State.SENT, State.UNKNOWN, State.LIVE, State.DONE, State.NOT_SENT])
async def test_a_write_run_twice_writes_once(kept: Kept, state: State) -> None:
    await kept.claim()
    record = replace(await kept.get(), state=state)
    assert await kept.records.write(record)
    before = await kept.everything()
    assert not await kept.records.write(record)
    assert await kept.everything() == before


async def test_an_order_not_sent_leaves_nothing_behind(kept: Kept) -> None:
    await kept.claim()
    assert await kept.records.write(lifecycle.not_sent(await kept.get()))
    assert await kept.everything() == {}
    assert await kept.claim(nonce="b", content=b"\x09" * 32) == (Claim.CLAIMED, kept.intent().order_id)


async def test_a_freed_and_claimed_again_id_is_not_freed_by_its_former_holder(kept: Kept) -> None:
    """Both claims are at the same version of the same order id; only the nonce tells them apart."""
    await kept.claim(nonce="a")
    former = await kept.get()
    await kept.records.write(lifecycle.not_sent(former))
    await kept.claim(nonce="b")
    assert (await kept.get()).version == former.version
    assert not await kept.records.write(lifecycle.not_sent(former))
    assert (await kept.get()).nonce == "b"


async def test_an_unknown_order_is_looked_at_again_and_a_settled_one_is_not(kept: Kept) -> None:
    await kept.claim()
    await kept.begin()
    await kept.records.write(replace(await kept.get(), state=State.UNKNOWN), look_again_ms=30)
    now_ms = await kept.store.time_us() // 1_000
    assert await kept.records.due(ACCOUNT, now_ms + 31) == [kept.intent().order_id]
    assert await kept.records.due(ACCOUNT, now_ms - 1_000) == []
    await kept.records.write(replace(await kept.get(), state=State.LIVE))
    assert await kept.records.due(ACCOUNT, 10**15) == []


async def test_only_a_finished_record_has_an_end(kept: Kept) -> None:
    intent = kept.intent()
    names = (
        keys.order(kept.venue, intent.order_id),
        keys.client_order(kept.venue, ACCOUNT, "bot", "one"),
        keys.venue_client_id(kept.venue, ACCOUNT, intent.venue_client_id),
    )
    await kept.claim(intent)
    await kept.begin()
    await kept.records.write(replace(await kept.get(), state=State.LIVE))
    assert {await kept.ttl_ms(name) for name in names} == {-1}
    await kept.records.write(replace(await kept.get(), state=State.DONE))
    for name in names:
        assert OrderSettings().keep_finished_ms - 5_000 < await kept.ttl_ms(name) <= OrderSettings().keep_finished_ms


async def test_the_result_is_written_with_the_state(kept: Kept) -> None:
    await kept.claim()
    record = await kept.get()
    result = replace(record.result, status=OrderStatus.PARTIAL_FILLED, filled_quantity=Decimal("0.00000001"))
    await kept.records.write(record.with_result(State.LIVE, result))
    assert (await kept.get()).result == result


async def test_a_trade_is_entered_once_for_each_of_its_orders(kept: Kept) -> None:
    """Venues number the trades of each market by themselves, so that two may have the same id."""
    one, other = kept.intent("one"), kept.intent("other")
    for intent in (one, other):
        await kept.claim(intent)
    for intent in (one, other):
        added = [await kept.records.add_fill(await kept.get(intent), FILL) for _ in range(2)]
        assert added == [Added.ENTERED, Added.KNOWN]


async def test_a_trade_of_an_order_whose_record_is_gone_is_entered_alone(kept: Kept) -> None:
    await kept.claim()
    record = await kept.get()
    await kept.records.write(lifecycle.not_sent(record))
    assert await kept.records.add_fill(record, FILL) is Added.ENTERED
    assert await kept.records.get(record.intent.order_id) is None


async def test_recent_orders_come_newest_first_and_go_on_from_any_place(kept: Kept) -> None:
    """Also among those accepted in the same millisecond."""
    ids = [kept.intent(str(number)).order_id for number in range(5)]
    for number in range(5):
        await kept.claim(kept.intent(str(number)))
    now_ms = await kept.store.time_us() // 1_000
    for order_id, later_ms in zip(ids, (0, 1, 1, 1, 2), strict=True):
        await kept.store.command("ZADD", keys.recent_orders(kept.venue, ACCOUNT), now_ms + later_ms, order_id)
    everything = await kept.records.recent(ACCOUNT, count=9)
    assert everything == [
        Place(now_ms + 2, ids[4]),
        *(Place(now_ms + 1, order_id) for order_id in sorted(ids[1:4], reverse=True)),
        Place(now_ms, ids[0]),
    ]
    assert await kept.records.recent(ACCOUNT, count=2) == everything[:2]
    for number, place in enumerate(everything):
        assert await kept.records.recent(ACCOUNT, count=9, before=place) == everything[number + 1 :]
    assert await kept.records.recent(ACCOUNT, count=2, before=everything[0]) == everything[1:3]
    assert await kept.records.recent(ACCOUNT, count=9, before=Place(now_ms + 1, "")) == everything[4:]
    assert await kept.records.recent(ACCOUNT, count=9, since_ms=now_ms + 1) == everything[:4]


async def test_a_claim_forgets_orders_older_than_finished_ones_are_kept(kept: Kept) -> None:
    await kept.claim(kept.intent("old"))
    week_ago_ms = await kept.store.time_us() // 1_000 - OrderSettings().keep_finished_ms
    name = keys.recent_orders(kept.venue, ACCOUNT)
    await kept.store.command("ZADD", name, week_ago_ms - 1_000, kept.intent("old").order_id)
    await kept.claim(kept.intent("new"))
    left = await kept.records.recent(ACCOUNT, count=9)
    assert [place.order_id for place in left] == [kept.intent("new").order_id]
