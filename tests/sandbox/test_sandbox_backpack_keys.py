"""Backpack's API keys: several per account, what each may do, and from where."""

from typing import Any

import pytest

from sandbox.backpack.calls import STANDARD
from sandbox.backpack.keys import KeyPair, keys_of
from sandbox.config import AMPLE, AccountConfig, KeyConfig, LimitConfig, SandboxConfig
from tests.sandbox.backpack_desks import limit, place, refused, use_key
from tests.sandbox.backpack_schema.in_process import InProcess

ACCOUNT = AccountConfig(
    "desk-a",
    AMPLE,
    keys=(
        KeyConfig("watcher", scopes=("read",)),
        KeyConfig("trader", scopes=("trade",)),
        KeyConfig("at home", ip_whitelist=("127.0.0.0/8",)),
        KeyConfig("elsewhere", ip_whitelist=("10.0.0.1-20", "192.168.0.7")),
    ),
)
CONFIG = SandboxConfig(makers=False, book_levels=5, accounts=(ACCOUNT,))
KEYS: dict[str, KeyPair] = {pair.name: pair for pair in keys_of(ACCOUNT)}


def with_key(name: str) -> tuple[InProcess, str]:
    venue = InProcess(CONFIG)
    return venue, use_key(venue, KEYS[name])


def test_all_keys_of_an_account_see_the_same_orders() -> None:
    venue, desk = with_key("at home")
    placed = place(venue, limit("Bid", "140"))
    assert venue.call("GET", "/api/v1/orders", desk=desk).json == [placed]


def test_all_keys_of_an_account_share_its_limit() -> None:
    limits = LimitConfig(limits={STANDARD: 2})
    venue = InProcess(SandboxConfig(makers=False, accounts=(ACCOUNT,), limits=limits))
    desk = use_key(venue, KEYS["watcher"])
    statuses = [venue.call("GET", "/api/v1/capital", desk=name).status for name in ("desk-a", desk, "desk-a")]
    assert statuses == [200, 200, 429]


@pytest.mark.parametrize(
    ("key", "method", "path", "body", "status"),
    [
        ("watcher", "GET", "/api/v1/capital", {}, 200),
        ("watcher", "POST", "/api/v1/order", limit("Bid", "140"), 403),
        ("watcher", "PATCH", "/api/v1/account", {}, 403),
        ("trader", "POST", "/api/v1/order", limit("Bid", "140"), 200),
        ("trader", "GET", "/api/v1/capital", {}, 403),
        ("", "POST", "/wapi/v1/user/2fa", {"app": "123456"}, 403),
        ("at home", "GET", "/api/v1/capital", {}, 200),
        ("elsewhere", "GET", "/api/v1/capital", {}, 403),
    ],
)
def test_a_key_does_what_it_may_from_where_it_may(
    key: str, method: str, path: str, body: dict[str, Any], status: int
) -> None:
    venue, desk = with_key(key)
    answer = venue.call(method, path, body, desk=desk)
    assert answer.status == status
    if status == 403:
        assert refused(answer)[1] == "FORBIDDEN"


def test_a_key_that_may_not_read_or_not_from_here_subscribes_to_nothing_private() -> None:
    for name in ("trader", "elsewhere"):
        venue, desk = with_key(name)
        listener = venue.listen("account.orderUpdate", desk=desk)
        assert listener.frames == [{"error": {"code": 4003, "message": "Invalid signature"}, "id": None}]


def test_the_control_plane_lists_every_key_with_its_scopes() -> None:
    (account,) = InProcess(CONFIG).face.accounts()
    assert account["credentials"] == {"api_key": KEYS[""].public, "api_secret": KEYS[""].secret}
    assert [(key["name"], key["api_key"], key["scopes"]) for key in account["keys"]] == [
        (pair.name, pair.public, pair.scopes) for pair in KEYS.values()
    ]
    assert len({key["api_key"] for key in account["keys"]}) == 5
