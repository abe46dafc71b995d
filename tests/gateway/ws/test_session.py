"""One client's frames, and what the session makes of them."""

import json
from typing import Any

import pytest

from adapters.contract import Channel
from gateway.errors import Code, Refusal
from gateway.fanout.ring import Position
from gateway.ws.frames import FRAME_MAX_BYTES
from gateway.ws.session import SUBSCRIPTIONS_MAX, Authenticate, Intent, Join, Leave, Reply, Session
from tests.gateway.feeds.fleet import BOOK, TICKER
from tests.gateway.feeds.scripted import VENUE, ScriptedVenue, market


def session(*, needs_token: bool = False) -> Session:
    script = ScriptedVenue()
    return Session(
        {VENUE: script.venue()},
        script.find_market,
        new_request_id=lambda: "req_1",
        time_ms=lambda: 1_700_000_000_000,
        needs_token=needs_token,
    )


def send(to: Session, **members: Any) -> list[Intent]:
    return to.received(json.dumps(members))


def replies(intents: list[Intent]) -> list[dict[str, Any]]:
    return [json.loads(intent.body) for intent in intents if isinstance(intent, Reply)]


def error(intents: list[Intent]) -> dict[str, Any]:
    (reply,) = replies(intents)
    assert reply["type"] == "error"
    body: dict[str, Any] = reply["error"]
    assert body["request_id"] == "req_1"
    assert isinstance(body["retryable"], bool)
    return {**body, "id": reply.get("id")}


def subscribe(to: Session, channel: str = "orderbook", **members: Any) -> list[Intent]:
    return send(to, **({"op": "subscribe", "channel": channel, "venue": VENUE, "symbol": "SOL-USDC"} | members))


def test_a_subscription_is_acknowledged_before_its_data() -> None:
    acknowledged, join = subscribe(session(), id=7)
    assert replies([acknowledged]) == [
        {
            "type": "subscribed",
            "channel": "orderbook",
            "venue": VENUE,
            "symbol": "SOL-USDC",
            "id": 7,
            "timestamp": 1_700_000_000_000,
        }
    ]
    assert join == Join(BOOK, None)


def test_the_venues_own_symbol_is_an_alias() -> None:
    acknowledged, join = subscribe(session(), "ticker", symbol="SOL_USDC")
    assert replies([acknowledged])[0]["symbol"] == "SOL-USDC"
    assert join == Join(TICKER, None)


def test_since_and_the_full_depth_are_passed_on() -> None:
    _, join = subscribe(session(), depth=1000, mode="full", since={"epoch": 5, "seq": 9})
    assert join == Join(BOOK, Position(5, 9))


def test_unsubscribing_leaves_before_it_is_acknowledged_and_may_be_repeated() -> None:
    client = session()
    subscribe(client)
    for _ in range(2):
        leave, acknowledged = subscribe(client, op="unsubscribe", id="x")
        assert leave == Leave(BOOK)
        assert replies([acknowledged])[0]["type"] == "unsubscribed"
    assert client.topics == set()


def test_ping_is_answered() -> None:
    assert replies(send(session(), type="ping")) == [{"type": "pong", "timestamp": 1_700_000_000_000}]
    assert replies(send(session(), type="ping", id=3))[0]["id"] == 3


def test_auth_hands_the_token_on() -> None:
    assert send(session(), op="auth", token="t", id=1) == [Authenticate("t", 1)]


@pytest.mark.parametrize(
    ("members", "code", "field"),
    [
        ({"venue": "nowhere"}, "VENUE_NOT_FOUND", "venue"),
        ({"symbol": "NO-SUCH"}, "MARKET_NOT_FOUND", "symbol"),
        ({"symbol": None}, "INVALID_PARAMETER", "symbol"),
        ({"venue": None}, "INVALID_PARAMETER", "venue"),
        ({"channel": "nonsense"}, "INVALID_PARAMETER", "channel"),
        ({"channel": "klines"}, "NOT_SUPPORTED", "channel"),
        ({"channel": "orders", "account": "a"}, "AUTHENTICATION_FAILED", None),
        ({"channel": "best", "venue": None}, "NOT_SUPPORTED", "channel"),
        ({"depth": 20}, "NOT_SUPPORTED", "depth"),
        ({"mode": "conflated"}, "NOT_SUPPORTED", "mode"),
        ({"interval": "1m"}, "NOT_SUPPORTED", "interval"),
        ({"aggregation_ms": 200}, "NOT_SUPPORTED", "aggregation_ms"),
        ({"after": "cursor"}, "NOT_SUPPORTED", "after"),
        ({"surprise": 1}, "INVALID_REQUEST", "surprise"),
        ({"depth": "20"}, "INVALID_PARAMETER", "depth"),
        ({"since": {"epoch": 1}}, "INVALID_PARAMETER", "since.seq"),
        ({"since": {"epoch": 1, "seq": 2, "more": 3}}, "INVALID_PARAMETER", "since.more"),
        ({"op": "buy"}, "INVALID_PARAMETER", "op"),
    ],
)
def test_what_cannot_be_subscribed_is_refused(members: dict[str, Any], code: str, field: str | None) -> None:
    client = session()
    refused = error(subscribe(client, **members, id="echo"))
    assert (refused["code"], refused.get("field"), refused["id"]) == (code, field, "echo")
    assert client.topics == set()
    if code == "NOT_SUPPORTED" and field == "depth":
        assert refused["details"] == {"supported": [1000]}
    if field == "channel":
        assert refused["details"] == {"supported": ["orderbook", "ticker", "trades"]}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "[]",
        '"subscribe"',
        "null",
        "{}",
        '{"type":"pong"}',
        '{"op":null}',
        '{"op":{"a":1}}',
        '{"type":"ping","type":"ping"}',
        '{"type":"ping","id":NaN}',
        '{"type":"ping","id":1e400}',
        '{"type":"ping","id":true}',
        '{"type":"ping","id":"' + "x" * 65 + '"}',
        '{"type":"ping","id":' + "9" * 5000 + "}",
        '{"type":"ping","id":"\\ud800"}',
        "[" * 60_000,
        '{"op":"auth"}',
        '{"op":"auth","token":5}',
        '{"op":"subscribe","channel":"\x00","venue":"x","symbol":"y"}',
        '{"op":"subscribe","channel":"ticker","venue":"../../x","symbol":"y"}',
    ],
)
def test_nonsense_is_an_error_and_the_session_goes_on(text: str) -> None:
    assert len(text) < FRAME_MAX_BYTES
    client = session()
    refused = error(client.received(text))
    assert refused["code"] in {"INVALID_REQUEST", "INVALID_PARAMETER", "VENUE_NOT_FOUND"}
    assert refused["message"]
    assert replies(send(client, type="ping"))[0]["type"] == "pong"


def test_binary_is_an_error() -> None:
    assert error(session().received_binary())["code"] == "INVALID_REQUEST"


def test_a_refusal_keeps_its_facts() -> None:
    reply = session().refused(Refusal(Code.RATE_LIMIT_EXCEEDED, "wait", retry_after_s=1.2), None)
    body = json.loads(reply.body)["error"]
    assert (body["code"], body["retry_after"], body["retryable"]) == ("RATE_LIMIT_EXCEEDED", 2, True)


def test_subscriptions_are_bounded() -> None:
    client = Session(
        {VENUE: ScriptedVenue().venue()},
        lambda venue, symbol: market(symbol, venue),
        new_request_id=lambda: "req_1",
        time_ms=lambda: 0,
    )
    for number in range(SUBSCRIPTIONS_MAX):
        assert len(subscribe(client, symbol=f"M{number}-USDC")) == 2
    assert error(subscribe(client, symbol="ONE-MORE"))["details"] == {"limit": SUBSCRIPTIONS_MAX}
    assert len(subscribe(client, symbol="M0-USDC")) == 2, "again is not one more"
    assert {topic.channel for topic in client.topics} == {Channel.ORDERBOOK}


def test_where_nothing_is_public_a_token_comes_before_any_subscription() -> None:
    client = session(needs_token=True)
    book = {"op": "subscribe", "channel": "orderbook", "venue": VENUE, "symbol": market().symbol}
    assert error(send(client, **book))["code"] == "AUTHENTICATION_FAILED"
    client.authenticated(None)
    assert replies(send(client, **book))[0]["type"] == "subscribed"
