"""Two simulated venues side by side: one price path, one way to list accounts, one control plane."""

import itertools
from decimal import Decimal
from typing import Any

import httpx
import pytest

from sandbox.backpack.face import BackpackFace
from sandbox.config import SandboxConfig
from sandbox.face import Surroundings
from sandbox.ledger import Ledger
from sandbox.limits import Limits
from sandbox.prices import UNIT, PricePath
from sandbox.simulation import Simulation
from sandbox.sockets import Hub
from sandbox.world import VENUES
from sandbox.zanbara.face import ZanbaraFace
from tests.sandbox.clients import venue as backpack
from tests.sandbox.zanbara_desks import venue as zanbara

START_US = 1_759_800_000_000_000


def simulation(name: str, now_us: int, seed: int = 7) -> Simulation:
    config = SandboxConfig(venue=name, seed=seed)
    around = Surroundings(Hub(), Limits(config.limits), Ledger(10))
    return VENUES[name].build(config, around, now_us).simulation


def middle(market: Simulation, symbol: str) -> Decimal:
    book = market.engine.books[symbol]
    bid, ask = book.bids.best(), book.asks.best()
    assert bid is not None
    assert ask is not None
    return (bid.price + ask.price) / 2


def test_venues_of_one_seed_quote_around_one_price_whenever_they_were_started() -> None:
    one, other = simulation("backpack", START_US), simulation("zanbara", START_US + 90_123_456)
    for later_us in range(100_000_000, 112_000_000, 3_000_000):
        for market in (one, other):
            market.advance(START_US + later_us)
        for asset in ("SOL", "BTC"):
            prices = [middle(one, f"{asset}_USDC_PERP"), middle(other, f"{asset}-PERP")]
            assert abs(prices[0] / prices[1] - 1) < Decimal("0.0004")


def test_another_seed_is_another_path() -> None:
    times = range(START_US, START_US + 60_000_000, 1_000_000)
    paths = [[PricePath(seed, asset).deviation(at) for at in times] for seed, asset in ((7, "SOL"), (8, "SOL"))]
    assert paths[0] != paths[1]
    assert paths[0] == [PricePath(7, "SOL").deviation(at) for at in times]


def test_prices_move_all_the_time_and_never_far() -> None:
    path = PricePath(7, "SOL")
    moves = [path.deviation(START_US + tick * 100_000) for tick in range(5_000)]
    assert max(map(abs, moves)) < UNIT * 2 // 100
    steps = [abs(later - earlier) for earlier, later in itertools.pairwise(moves)]
    assert max(steps) < UNIT * 3 // 10_000  # three hundredths of a per cent in a tick at most
    assert sum(steps) / len(steps) > UNIT // 100_000


def test_both_faces_are_venues() -> None:
    assert {name: kind.build.__name__ for name, kind in VENUES.items()} == {
        "backpack": "_backpack",
        "zanbara": "_zanbara",
    }
    assert (BackpackFace.going_away_code, ZanbaraFace.going_away_code) == (1012, 1001)


async def test_accounts_are_listed_alike() -> None:
    async with backpack() as one, zanbara() as other:
        listed = [(await one.get("/sim/accounts"))["accounts"], (await other.sim("GET", "accounts"))["accounts"]]
        for accounts in listed:
            assert [account["name"] for account in accounts][:3] == ["desk-a", "desk-b", "desk-poor"]
            assert all(list(account["credentials"]) == ["api_key", "api_secret"] for account in accounts)
        first = listed[0][0]
        assert first["credentials"] == {"api_key": first["public_key"], "api_secret": first["secret_key"]}
        assert listed[1][-1]["name"] == "usr_1001"


async def test_a_venue_without_tokens_says_so() -> None:
    async with backpack() as v:
        answer = await v.http.post("/sim/expire-tokens")
        assert (answer.status_code, answer.json()) == (400, {"error": "this venue issues no tokens"})


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"advance_ms":-1}', b'{"advance_ms":"1"}'])
async def test_the_clock_only_leaps_forward(body: bytes) -> None:
    async with zanbara() as v:
        assert (await v.http.post("/sim/clock", content=body)).status_code == 400
        before = (await v.sim("GET", "clock"))["time"]
        assert await v.pass_time(5000) >= before + 5000


async def test_faults_the_ledger_and_reset_serve_zanbara_too() -> None:
    async with zanbara() as v:
        rule: dict[str, Any] = {"match": {"method": "POST", "path": "/v1/order/place"}, "when": "after_execute"}
        await v.sim("POST", "faults", rule | {"do": {"close": True}})
        with pytest.raises(httpx.TransportError):
            await v.a.place(client_order_id="lost")
        again = await v.a.place(client_order_id="lost")
        assert again.status_code == 200
        ledger = await v.sim("GET", "ledger?account=desk-a")
        assert [row["status"] for row in ledger["requests"]] == [0, 200]
        (order,) = ledger["orders"]["desk-a"]["orders"]
        assert (order["order_id"], order["client_id"]) == (again.json()["data"]["order_id"], "lost")
        assert [row["class"] for row in ledger["requests"]] == ["trade", "trade"]
        await v.sim("POST", "reset")
        await v.a.login()
        assert (await v.a.get("/v1/order/list"))["total"] == 0
