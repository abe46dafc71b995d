"""What a test does to a whole venue: its sockets, its door, its service, its books' ids. Part of the control plane."""

from typing import Any

from sandbox.face import Maintenance
from sandbox.faults import Match, read_close_code
from sandbox.faults.reading import MOST_MS, Members
from sandbox.questions import BadQuestion, Question
from sandbox.sockets import Connection
from sandbox.world import World

MOST_IDS = 1_000_000
LATEST_MS = 10**15


def strike_sockets(world: World, question: Question) -> Any:
    """Close, reset or half-open the sockets that are open: all, or those that listen to a topic or as an account."""
    members = Members("the body", question.members(), ("do", "code", "topic", "account"))
    do = _choice(members, "close", "reset", "half_open")
    if members.given("code") and do != "close":
        raise BadQuestion("`code` is what a socket is closed with")
    code = read_close_code(members.value("code")) if members.given("code") else world.face.going_away_code
    match = Match(topic=members.text("topic"), account=members.text("account"))
    struck = [connection for connection in world.hub.connections if _is_meant(connection, match)]
    for connection in struck:
        if do == "close":
            connection.close(code)
        elif connection.wire is not None and do == "reset":
            connection.wire.end(reset=True)
        elif connection.wire is not None:
            connection.wire.half_open()
            world.errands.at_end(connection.wire.end)
    return {"struck": len(struck)}


def begin_outage(world: World, question: Question) -> Any:
    """Let nobody in for a while: new connections are refused, or wait for an answer that does not come."""
    members = Members("the body", question.members(), ("do", "for_ms", "cut"))
    do, for_ms, cut = _choice(members, "refuse", "hang"), members.whole("for_ms", least=1), members.flag("cut")
    if for_ms is None:
        raise BadQuestion(f"`for_ms` is how long, 1 to {MOST_MS}")
    if world.door is None:
        raise BadQuestion("this venue has no door")
    if world.door.is_shut:
        raise BadQuestion("there is an outage already")
    world.door.shut(for_ms, refuse=do == "refuse")
    return {"do": do, "for_ms": for_ms, "cut": world.door.cut_all() if cut else 0}


def skip_ids(world: World, question: Question) -> Any:
    """Let update ids of a market's book pass without a change: whoever follows it sees a gap."""
    members = Members("the body", question.members(), ("symbol", "skip_ids"))
    symbol, count = members.text("symbol"), members.whole("skip_ids", least=1, most=MOST_IDS)
    book = world.simulation.engine.books.get(symbol or "")
    if book is None:
        raise BadQuestion(f"no market {symbol}")
    if count is None:
        raise BadQuestion(f"`skip_ids` is how many, 1 to {MOST_IDS}")
    book.skip_ids(count)
    return {"symbol": symbol, "update_id": book.update_id}


def maintain(world: World, question: Question) -> Any:
    """Begin or end maintenance, or announce it: the venue says so, and takes no orders while it is on."""
    members = Members("the body", question.members(), ("on", "message", "start_ms", "end_ms"))
    if not isinstance(members.value("on"), bool):
        raise BadQuestion("`on` is true or false")
    start_ms, end_ms = (members.whole(name, most=LATEST_MS) for name in ("start_ms", "end_ms"))
    if (start_ms is None) != (end_ms is None):
        raise BadQuestion("`start_ms` and `end_ms` go together")
    window = None if start_ms is None or end_ms is None else (start_ms, end_ms)
    world.face.maintain(Maintenance(members.flag("on"), members.text("message"), window))
    return question.members()


def _choice(members: Members, *choices: str) -> str:
    do = members.text("do")
    if do not in choices:
        raise BadQuestion(f"`do` is one of {', '.join(choices)}")
    return do


def _is_meant(connection: Connection, match: Match) -> bool:
    if connection.close_code is not None:
        return False
    if match.topic is None and match.account is None:
        return True
    return any(match.fits_topic(*topic) for topic in connection.topics)
