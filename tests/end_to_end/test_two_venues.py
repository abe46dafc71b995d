"""Two venues as unlike as these, behind one API: the same bot, the same streams, compared side by side."""

import asyncio
import base64
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from adapters.models import AccountName, VenueName
from gateway.cli.stack import Stack, StackOptions, running
from gateway.store import keys
from gateway.store.client import Store
from tests.end_to_end.bots import Bot, answered, bot_of, eventually, refused

ROOT = Path(__file__).parents[2]
SYMBOL = "SOL-USDC-PERP"


Withdraw = Callable[[int, str, dict[str, str]], httpx.Response]

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
ADDRESS = "7EcDhSYGxXyscszYEp35KHN8vvw3svAuLKTzXwCFLtV"
VENUES = {"bp-desk-a": "backpack", "zb-desk-a": "zanbara"}
CHAINS = {"backpack": "Solana", "zanbara": "solana"}


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """With a client that may take money out."""
    public = KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    address = {"asset": "USDC", "address": ADDRESS}
    treasurer = {"scopes": ["read", "trade", "withdraw"], "accounts": dict.fromkeys(VENUES, "own")}
    options = StackOptions(
        replicas=2,
        venue_ports={"backpack": 0, "zanbara": 0},
        sandbox_arguments=["--config", str(ROOT / "tests/contract/accounts.yaml")],
        settings={
            "accounts": {
                account: {"withdrawals": {"addresses": {"treasury": {"chain": CHAINS[venue], **address}}}}
                for account, venue in VENUES.items()
            },
            "clients": {"treasurer": {**treasurer, "signing_key": base64.b64encode(public).decode()}},
        },
    )
    with running(options) as started:
        yield started


@pytest.fixture(scope="module")
def withdraw(stack: Stack) -> Withdraw:
    """What the treasurer asks of one replica, in the words of the docs."""
    [source] = re.findall(r"```python\n(.*?)```", (ROOT / "docs/api.md").read_text(), re.DOTALL)
    example: dict[str, Any] = {}
    exec(source, example)  # noqa: S102 - it is our own page
    private = base64.b64encode(bytes(range(32))).decode()
    return lambda replica, account, body: example["withdraw"](stack.urls[replica], account, private, body)


@pytest.mark.parametrize("account", ["bp-desk-a", "zb-desk-a"])
def test_the_first_bot_of_the_docs_trades_on_either_venue(stack: Stack, account: str, tmp_path: Path) -> None:
    [source] = re.findall(r"```python\n(.*?)```", (ROOT / "docs/first-bot.md").read_text(), re.DOTALL)
    script = tmp_path / "first_bot.py"
    script.write_text(source)
    env = {**os.environ, "CROSSGATE_URL": stack.urls[0], "CROSSGATE_API_KEY": stack.api_key}
    env["CROSSGATE_API_SECRET"] = stack.api_secret
    done = subprocess.run(
        [sys.executable, str(script), account], env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "3 rounds, 0 orders left" in done.stdout
    # an order may be told of once more as it is, when the venue's answer and its stream both show it
    assert min(done.stdout.count(": pending"), done.stdout.count(": cancelled")) >= 6


async def test_prices_of_all_venues_are_compared_with_every_legs_age(stack: Stack, bot: Bot) -> None:
    best = await bot.ask("GET", f"/v1/best/{SYMBOL}")
    assert {leg["venue"] for leg in best["legs"]} == {"backpack", "zanbara"}
    assert all(leg["excluded"] is None and leg["meta"]["age_ms"] < 2_000 for leg in best["legs"])
    assert Decimal(best["bid"]["price"]) == max(Decimal(leg["bid"][0]) for leg in best["legs"])
    assert Decimal(best["ask"]["price"]) == min(Decimal(leg["ask"][0]) for leg in best["legs"])
    tickers = await bot.ask("GET", f"/v1/tickers/{SYMBOL}")
    assert {leg["venue"] for leg in tickers["legs"]} == {"backpack", "zanbara"}
    assert all(Decimal(leg["ticker"]["last_price"]) > 0 for leg in tickers["legs"])
    unknown = await bot.call("GET", "/v1/best/NO-SUCH")
    assert unknown.json()["error"]["code"] == "MARKET_NOT_FOUND"


async def test_a_venue_that_is_gone_is_a_leg_that_does_not_count(stack: Stack) -> None:
    options = StackOptions(venue_ports={"backpack": 0, "zanbara": 0})
    del stack  # this one breaks a venue, so it takes a set of its own
    with running(options) as own:
        async with bot_of(own) as bot:
            await bot.ask("GET", f"/v1/best/{SYMBOL}")
            own.venues["zanbara"].process.kill()
            own.venues["zanbara"].process.wait()

            async def zanbara_is_out() -> bool:
                best = await bot.ask("GET", f"/v1/best/{SYMBOL}")
                legs = {leg["venue"]: leg["excluded"] for leg in best["legs"]}
                assert best["bid"]["venue"] == "backpack" or legs["zanbara"] is None
                return legs["backpack"] is None and legs["zanbara"] is not None

            for _ in range(200):
                if await zanbara_is_out():
                    break
                await asyncio.sleep(0.05)
            else:
                pytest.fail("the dead venue still counts")
            # The other venue is not held up by it.
            await bot.rest(symbol=SYMBOL)


async def test_an_order_at_zanbara_rests_fills_and_is_cancelled(stack: Stack) -> None:
    async with bot_of(stack) as bot:
        bot.account = "zb-desk-a"
        order = await bot.rest(symbol=SYMBOL, price="140")
        assert (await bot.ask("GET", f"/v1/orders/{order['order_id']}"))["status"] == "pending"
        again = await bot.ask("DELETE", f"/v1/orders/{order['order_id']}")
        assert again["status"] == "cancelled"
        book = await bot.ask("GET", f"/v1/venues/zanbara/markets/{SYMBOL}/orderbook?depth=1")
        price = format((Decimal(book["asks"][0][0]) * Decimal("1.01")).quantize(Decimal("0.01")), "f")
        taken = await bot.ask(
            "POST", "/v1/orders", bot.order(symbol=SYMBOL, price=price, time_in_force="IOC"), status=201
        )
        assert (taken["status"], taken["filled_quantity"]) == ("filled", "0.1")


@pytest.mark.parametrize(("account", "venue"), VENUES.items())
async def test_a_position_is_set_up_and_closed_as_far_as_the_venue_can(stack: Stack, account: str, venue: str) -> None:
    async with bot_of(stack, account=account) as bot:
        positions = f"/v1/accounts/{account}/positions"
        can = (await bot.ask("GET", f"/v1/venues/{venue}"))["capabilities"]["operations"]
        # Other tests may have left a position; without one this is refused.
        await bot.call("POST", f"{positions}/{SYMBOL}/close", {"client_order_id": "before"})
        order = bot.order(symbol=SYMBOL, type="market", price=None)
        for kind, method, path, terms in (
            ("margin_mode", "PUT", "margin-mode", {"margin_mode": "isolated"}),
            ("leverage", "PUT", "leverage", {"leverage": 4}),
            ("margin", "POST", "margin", {"amount": "1"}),
        ):
            if kind == "margin":
                await bot.ask("POST", "/v1/orders", order, status=201)
            answer = await bot.call(method, f"{positions}/{SYMBOL}/{path}", {"client_operation_id": kind} | terms)
            if kind in can:
                assert answered(answer, 201)["status"] == "done"
            else:
                refused(answer, 400, "NOT_SUPPORTED", outcome="not_sent")
        [position] = (await bot.ask("GET", positions))["items"]
        if can != ["withdrawal"]:
            assert (position["leverage"], position["margin_mode"]) == ("4", "isolated")
        closed = await bot.ask("POST", f"{positions}/{SYMBOL}/close", {"client_order_id": "close"}, status=201)
        assert (closed["status"], closed["side"], closed["filled_quantity"]) == ("filled", "sell", "0.1")
        assert (await bot.ask("GET", positions))["items"] == []


@pytest.mark.parametrize(("account", "venue"), VENUES.items())
async def test_money_goes_out_once_even_if_the_store_forgets_it(
    stack: Stack, withdraw: Withdraw, account: str, venue: str
) -> None:
    body = {"client_operation_id": "pay", "destination": "treasury", "asset": "USDC", "amount": "50"}
    if venue == "zanbara":
        body["second_factor"] = "000000"
    of_account = f"cg:{{{venue}}}:operation:*:{account}"
    async with Store.open(stack.redis.url) as store, bot_of(stack, account=account) as bot:

        async def age() -> None:
            """As if what the store remembers began long ago."""
            memory = keys.operation_memory(VenueName(venue), AccountName(account))
            await store.command("HSETNX", memory, "sends", 0)
            await store.command("HSET", memory, "since_ms", 1)

        await age()
        first = answered(withdraw(0, account, body), 201)
        again = answered(withdraw(1, account, body))
        assert (first, first["status"]) == (again, "done")
        for pattern in (of_account, f"{of_account}:*"):
            for name in await store.command("KEYS", pattern):
                await store.command("DEL", name)
        answer = withdraw(1, account, body)
        refused(answer, 503, "ACCOUNT_NOT_READY", outcome="not_sent")
        await age()
        answer = withdraw(1, account, body)
        if venue == "backpack":  # which keeps our ids
            found = answered(answer)
            assert found["venue_operation_id"] == first["venue_operation_id"]
            assert found["evidence"] == "list of withdrawals"
        else:
            error = refused(answer, 409, "IDEMPOTENCY_CONFLICT", outcome="unknown", field="client_operation_id")
            assert error["details"] == {"withdrawals": [first["venue_operation_id"]]}
        listed = await bot.ask("GET", f"/v1/accounts/{account}/withdrawals")
        assert [one["venue_id"] for one in listed["items"]] == [first["venue_operation_id"]]
        booked = await bot.ask("GET", f"/v1/accounts/{account}/ledger?limit=100")
        kinds = (await bot.ask("GET", f"/v1/venues/{venue}"))["capabilities"]["ledger_kinds"]
        assert {"trading_fee"} <= {one["kind"] for one in booked["items"]} <= set(kinds)


def test_three_replicas_share_one_token_over_several_expiries() -> None:
    """300 callers at a time: one login per expiry in the whole fleet, and no request with a token that has ended."""
    lifetime_s, rounds = 10, 2
    options = StackOptions(
        replicas=3,
        venue_ports={"zanbara": 0},
        sandbox_arguments=[
            *("--token-lifetime-s", str(lifetime_s), "--limit-period-ms", "1000"),
            *(part for name in ("ip_query", "key_query", "ip_system") for part in ("--limit", f"{name}=100000")),
        ],
        settings={
            "server": {"client_requests_per_s": 100_000},
            "venues": {
                "zanbara": {
                    "limits": {
                        name: {"limit": 100_000, "period_ms": 1000}
                        for name in ("ip_query", "account_query", "ip_system")
                    }
                }
            },
        },
    )
    with running(options) as stack:
        venue = stack.venues["zanbara"]

        def totals() -> dict[str, dict[str, int]]:
            answer: dict[str, dict[str, int]] = httpx.get(f"{venue.url}/sim/ledger/totals", trust_env=False).json()
            return answer

        before = totals()["logins"].get("desk-a", 0)
        began_s = time.monotonic()
        answers = asyncio.run(_ask_for(stack, seconds=lifetime_s * rounds, callers=300))
        told, lasted_s = totals(), time.monotonic() - began_s
        logins = told["logins"]["desk-a"] - before
        print(f"\n{sum(answers.values())} answers {dict(answers)}, {logins} logins in {rounds} lives of a token")
        assert answers.keys() == {200}
        assert told["expired_tokens"].get("desk-a", 0) == 0
        # Each is renewed at 80 to 90 % of its life.
        assert rounds <= logins <= lasted_s / (0.8 * lifetime_s) + 1


async def test_the_death_of_the_replica_that_logs_in_hands_the_login_on() -> None:
    with running(StackOptions(replicas=2, venue_ports={"zanbara": 0})) as stack:
        venue = stack.venues["zanbara"].url
        async with bot_of(stack, 0) as dying, bot_of(stack, 1) as bot, httpx.AsyncClient(base_url=venue) as control:
            path = "/v1/accounts/zb-desk-a/balances"
            await dying.ask("GET", path)
            rule = {"match": {"method": "POST", "path": "/v1/auth/token"}, "when": "before"}
            await control.post("/sim/faults", json={**rule, "do": {"hang_ms": 20_000}, "count": 1})
            await control.post("/sim/expire-tokens", json={"account": "desk-a"})
            asking = asyncio.create_task(dying.call("GET", path))

            async def is_hanging() -> bool:
                requests = (await control.get("/sim/ledger")).json()["requests"]
                return any(one["fault"] and one["path"] == "/v1/auth/token" for one in requests)

            await eventually(is_hanging)
            stack.gateways[0].process.kill()
            await asyncio.gather(asking, return_exceptions=True)
            # Once the dead one's lease has lapsed the next one logs in.
            await bot.ask("GET", path)


PAUSE_S = 1.5
"""Between two questions of one caller: some of the 300 are always asking, and others' tests have a processor, too."""


async def _ask_for(stack: Stack, *, seconds: float, callers: int) -> Counter[int]:
    seen: Counter[int] = Counter()
    async with bot_of(stack, 0) as one, bot_of(stack, 1) as two, bot_of(stack, 2) as three:
        ends = asyncio.get_running_loop().time() + seconds

        async def ask(bot: Bot) -> None:
            while asyncio.get_running_loop().time() < ends:
                seen[(await bot.call("GET", "/v1/accounts/zb-desk-a/balances")).status_code] += 1
                await asyncio.sleep(PAUSE_S)

        await asyncio.gather(*(ask((one, two, three)[number % 3]) for number in range(callers)))
    return seen
