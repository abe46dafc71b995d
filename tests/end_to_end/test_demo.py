"""The demo, as somebody runs it who has just got the code."""

import asyncio
import os
import subprocess
import sys
import time

from gateway.cli.stack import Stack
from tests.end_to_end.bots import VenueControl

PLAIN = {name: value for name, value in os.environ.items() if name not in {"FORCE_COLOR", "CLICOLOR_FORCE"}}


def test_the_demo_takes_its_tour_in_plain_text_and_ends_with_0() -> None:
    command = [sys.executable, "-m", "gateway", "demo", "--once", "--port", "0", "--venue-port", "0"]
    said, ready_s, began = "", 0.0, time.monotonic()
    with subprocess.Popen(command, env=PLAIN, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            said += line
            if line.startswith("The gateway listens"):
                ready_s = time.monotonic() - began
    print(f"\ndemo: ready after {ready_s:.1f} s, ended after {time.monotonic() - began:.1f} s")
    assert demo.returncode == 0, said
    assert ready_s
    assert "\x1b" not in said
    assert "Traceback" not in said
    for step in ("Markets", "streaming", "A resting order", "what it filled", "none new", "A cancel", "The budget"):
        assert step in said, said


async def test_a_tour_that_cannot_keep_its_promise_says_so_and_ends_with_1(stack: Stack, venue: VenueControl) -> None:
    await venue.spoil({"status": 400, "body": {"code": "ORDER_LIMIT", "message": "Too many"}}, count=None)
    arguments = ["--url", stack.urls[0], "--api-key", stack.api_key, "--account", "bp-desk-b"]
    tour = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "demo", *arguments),
        env=PLAIN | {"CROSSGATE_DEMO_SECRET": stack.api_secret},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    _, complaints = await asyncio.wait_for(tour.communicate(), 30)
    assert tour.returncode == 1
    assert "The tour failed" in complaints.decode()
    assert "ORDER_REJECTED" in complaints.decode()
    assert "Traceback" not in complaints.decode()
