"""Versions side by side, as in a rolling upgrade: what another version wrote is read, and nothing of it is lost."""

import json
from dataclasses import MISSING, fields, replace
from decimal import Decimal
from typing import Any

from nacl.secret import SecretBox

from adapters.contract import Token
from gateway.fanout.pulse import Pulse, decode_pulse
from gateway.journal import positional
from gateway.journal.entry import Entry, Kind
from gateway.orders.journaling import decode_fill, decode_step, encode_fill, encode_step, spell_out
from gateway.orders.record import Intent, Result, State
from gateway.store import keys
from gateway.store.tokens import TokenVault
from tests.gateway.orders.replica import BOT, Replica, limit_order
from tests.gateway.orders.samples import FILL
from tests.gateway.orders.test_journaling import VENUE, minted

TIME = "1700000000000-0"


async def kept(on: Replica, order_id: str) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = await on.store.command("HGETALL", keys.order(on.venue, order_id))
    return found


def with_member(text: bytes, **members: Any) -> str:
    return json.dumps({**json.loads(text), **members})


async def test_a_record_of_a_newer_version_is_read_and_written_on_without_loss(one: Replica) -> None:
    placed = (await one.placing.place(BOT, limit_order())).record
    order_id = placed.intent.order_id
    written = await kept(one, order_id)
    newer = {
        "intent": with_member(written[b"intent"], route="smart"),
        "result": with_member(written[b"result"], hedge={"order": "h-1", "ratio": "0.50"}),
        "born_in": "9.0.0",
    }
    await one.store.command("HSET", keys.order(one.venue, order_id), *(part for pair in newer.items() for part in pair))
    read = await one.known()
    assert (read.intent, read.result, read.state) == (placed.intent, placed.result, State.LIVE)
    await one.cancelling.cancel(BOT, order_id)
    assert (await one.known()).state is State.DONE
    after = await kept(one, order_id)
    assert json.loads(after[b"result"])["hedge"] == {"order": "h-1", "ratio": "0.50"}
    assert json.loads(after[b"intent"])["route"] == "smart"
    assert after[b"born_in"] == b"9.0.0"


def without_defaults(kind: type[Any], text: bytes) -> str:
    """Without the members that have a default: a version before this one may not have known them."""
    known = {field.name for field in fields(kind) if field.default is MISSING}
    return json.dumps({name: value for name, value in json.loads(text).items() if name in known})


async def test_a_record_of_an_older_version_is_read_with_what_its_newer_members_mean_by_default(one: Replica) -> None:
    placed = (await one.placing.place(BOT, limit_order())).record
    name = keys.order(one.venue, placed.intent.order_id)
    written = await kept(one, placed.intent.order_id)
    older = without_defaults(Intent, written[b"intent"]), without_defaults(Result, written[b"result"])
    await one.store.command("HSET", name, "intent", older[0], "result", older[1])
    await one.store.command("HDEL", name, "window_ms")
    read = await one.known()
    assert (read.intent, read.result, read.window_ms) == (placed.intent, Result(), None)


def entry(kind: Kind, data: bytes) -> Entry:
    return Entry(TIME, kind, "sa-01", {b"kind": kind.encode(), b"owner": b"sa-01", b"data": data})


def longer(data: bytes, **parts: tuple[int, Any]) -> bytes:
    """The same, as a version would write it that knows one value more of each part."""
    values = positional.decode(data)
    for place, part in parts.values():
        said = ("venue", "account", "owner", "symbol", "venue_client_id")
        known = [field for field in fields(part) if field.name not in said]
        left_out = [field.default for field in known[len(values[place]) :]]
        values[place] = [*values[place], *left_out, "newer"]
    return positional.encode([*values, "newer"])


def test_entries_of_a_newer_version_are_read_and_archived_whole() -> None:
    record = minted("77")
    record = replace(record, result=Result(fees=(("USDC", Decimal("0.1")),)))
    step, fill = encode_step(record), encode_fill(record.intent, FILL)
    newer_step, newer_fill = (
        entry(Kind.ORDER, longer(step, intent=(0, record.intent), result=(5, record.result))),
        entry(Kind.FILL, longer(fill, fill=(2, FILL))),
    )
    assert decode_step(newer_step) == decode_step(entry(Kind.ORDER, step))
    assert decode_fill(newer_fill) == decode_fill(entry(Kind.FILL, fill))
    for known, newer in ((entry(Kind.ORDER, step), newer_step), (entry(Kind.FILL, fill), newer_fill)):
        said = spell_out(VENUE, newer)
        assert said.pop("beyond")["data"].endswith("newer")
        assert said == spell_out(VENUE, known)


def test_pulses_and_tokens_of_a_newer_version_are_read() -> None:
    pulse = {"epoch": 4, "owner": "b", "is_connected": True, "seqs": {"t": 9}, "load": 0.5}
    assert decode_pulse(json.dumps(pulse).encode()) == Pulse(4, "b", is_connected=True, seqs={"t": 9})
    seal = bytes(32)
    sealed = SecretBox(seal).encrypt(b'{"value":"v","expires_us":2,"lifetime_us":1,"scope":"orders"}')
    assert TokenVault(seal).unseal(sealed) == Token("v", 2, 1)
