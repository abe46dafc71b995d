"""How Zanbara speaks of itself: maintenance, health, halts; and that every code has one of its nine statuses."""

import pytest

from sandbox.config import SandboxConfig, ZanbaraConfig
from sandbox.face import Request, Surroundings
from sandbox.ledger import Ledger
from sandbox.limits import Limits
from sandbox.sockets import Hub
from sandbox.zanbara.errors import STATUS
from sandbox.zanbara.face import ZanbaraFace
from sandbox.zanbara.limits import LIMITS
from tests.sandbox.zanbara_desks import refusal, venue

NOW_US = 1_759_800_000_000_000
CONFIG = SandboxConfig(venue="zanbara", makers=False, zanbara=ZanbaraConfig(environment="testnet"))


@pytest.fixture
def face() -> ZanbaraFace:
    return ZanbaraFace(CONFIG, Surroundings(Hub(), Limits(CONFIG.limits, LIMITS), Ledger(10)), now_us=NOW_US)


def asked(face: ZanbaraFace, path: str) -> tuple[int, bytes]:
    request = Request("GET", path, path, "", {}, b"", "127.0.0.1", NOW_US)
    outcome = face.admit(request).outcome
    assert callable(outcome)
    response = outcome(NOW_US)
    return response.status, response.body


def test_announced_maintenance_is_told(face: ZanbaraFace) -> None:
    face.condition.status = "maintenance"
    face.condition.message = "Back soon"
    face.condition.maintenance = {"start_time": 1_759_800_000_000, "end_time": 1_759_803_600_000}
    assert asked(face, "/v1/system/status") == (
        200,
        b'{"success":true,"data":{"status":"maintenance","message":"Back soon","version":"1.0.0",'
        b'"server_time":1759800000000,"maintenance":{"start_time":1759800000000,"end_time":1759803600000}},'
        b'"timestamp":1759800000000}',
    )


def test_an_unhealthy_venue_is_unavailable(face: ZanbaraFace) -> None:
    assert asked(face, "/v1/health")[0] == 200
    face.condition.services["settlement"] = "down"
    assert asked(face, "/v1/health") == (
        503,
        b'{"success":false,"error":{"code":"SERVICE_UNAVAILABLE","message":"The venue is unhealthy",'
        b'"details":{"services":{"matching":"ok","websocket":"ok","settlement":"down"}}},"timestamp":1759800000000}',
    )


def test_only_the_published_statuses_are_used() -> None:
    assert set(STATUS.values()) <= {400, 401, 403, 404, 429, 500, 503}


async def test_a_halt_may_come_and_go() -> None:
    async with venue() as v:
        order = await v.a.placed()
        await v.a.placed(price="150.11", quantity="0.5")
        await v.sim("POST", "markets", {"symbol": "SOL-PERP", "state": "closed"})
        (listed,) = (await v.get("/v1/market/symbols?status=halted"))["items"]
        assert listed["symbol"] == "SOL-PERP"
        halted = (503, "TRADING_HALTED", "symbol")
        assert refusal(await v.a.place()) == halted
        assert await v.a.refused("order/amend", order_id=order["order_id"], price="139") == halted
        assert await v.a.refused("position/close", symbol="SOL-PERP") == halted
        assert (await v.a.post("position/close-all"))["orders"] == []
        await v.a.post("position/set-leverage", symbol="SOL-PERP", leverage=2)
        await v.a.post("order/cancel", order_id=order["order_id"])
        await v.sim("POST", "markets", {"symbol": "SOL-PERP", "state": "open"})
        assert (await v.a.post("position/close", symbol="SOL-PERP"))["status"] == "filled"
