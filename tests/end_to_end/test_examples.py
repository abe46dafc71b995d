"""The lines that the demo prints to go on with work as they are printed, pasted into a shell."""

import json
import shutil
import subprocess
from typing import Any

import pytest

from gateway.cli.demo import examples
from gateway.cli.stack import Stack


@pytest.mark.skipif(shutil.which("curl") is None or shutil.which("bash") is None, reason="needs bash and curl")
def test_the_printed_lines_work_in_a_shell(stack: Stack) -> None:
    shell = subprocess.run(
        ["bash", "-eu", "-o", "pipefail"], input=examples(stack), capture_output=True, text=True, timeout=30, check=True
    )
    answers = list(whole_answers(shell.stdout))
    assert [answer["success"] for answer in answers] == [True] * 6, shell.stdout
    markets, book, balances, placed, listed, cancelled = (answer["data"] for answer in answers)
    assert "SOL-USDC" in {market["symbol"] for market in markets["items"]}
    assert len(book["bids"]) == 5
    assert "USDC" in {balance["asset"] for balance in balances["items"]}
    assert (placed["client_order_id"], placed["status"]) == ("my-first-order", "pending")
    assert placed["order_id"] in {order["order_id"] for order in listed["items"]}
    assert (cancelled["order_id"], cancelled["status"]) == (placed["order_id"], "cancelled")


def whole_answers(text: str) -> list[Any]:
    """curl prints one answer right after the other."""
    answers, at = [], 0
    while at < len(text):
        answer, at = json.JSONDecoder().raw_decode(text, at)
        answers.append(answer)
    return answers
