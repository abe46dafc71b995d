"""What clients send does not forge, break or flood the log: one JSON object a request, bounded, escaped."""

import json
from urllib.parse import quote

from gateway.cli.stack import Stack
from tests.end_to_end.bots import Bot, eventually

HOSTILE = (
    'x\r\n{"event":"request","client":"forged"}', "\x1b[2J\x1b[31mred", "${jndi:ldap://127.0.0.1/a}", "%n%s%x", "\x00",
    "x" * 9_000, "\u202egnp", "\u2028\u2029", "<script>", "'; DROP TABLE", "\U0001f600",
)  # fmt: skip


async def test_hostile_text_stays_one_line_of_json_for_each_request(stack: Stack, bot: Bot) -> None:
    log = stack.directory / "gateway-0.log"
    start = log.stat().st_size
    sent = 0
    for text in HOSTILE:
        word = quote(text, safe="")
        for path in (f"/v1/hostile/{word}", f"/v1/orders/{word}", f"/v1/orders?account={word}", f"/v1/venues/{word}"):
            assert 400 <= (await bot.call("GET", path)).status_code < 500
        assert 400 <= (await bot.place(symbol=text, account=text)).status_code < 500
        body = {"api_key": text[:60], "api_secret": text[:60]}
        assert 400 <= (await bot.call("POST", "/v1/auth/token", body)).status_code < 500
        sent += 6
    assert (await bot.call("GET", "/v1/the-last")).status_code == 404

    async def is_written() -> bool:
        return b"/v1/the-last" in log.read_bytes()[start:]

    await eventually(is_written)
    lines = log.read_bytes()[start:].splitlines()
    events = [json.loads(line) for line in lines]
    assert len([event for event in events if event["event"] == "request"]) == sent + 1
    assert "forged" not in {event.get("client") for event in events}
    assert max(map(len, lines)) < 8_000
    for line in lines:
        assert not {*range(32), 127} & set(line), "no control character reaches a terminal"
