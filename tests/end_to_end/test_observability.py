"""What operators see of an order, from outside: its trace at a collector, its lines in the log, and what is counted."""

import json
import re
import secrets
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from prometheus_client.parser import text_string_to_metric_families

from gateway.cli.stack import Stack, StackOptions, running
from tests.end_to_end.bots import VENUE, Bot, bot_of, eventually

CALLERS_SPAN = "00f067aa0ba902b7"


@dataclass
class Collector:
    """Takes traces as an OTLP collector does."""

    url: str = ""
    bodies: list[bytes] = field(default_factory=list)

    def spans(self, trace_id: str) -> list[Span]:
        return [
            span
            for body in list(self.bodies)
            for of_resource in ExportTraceServiceRequest.FromString(body).resource_spans
            for of_scope in of_resource.scope_spans
            for span in of_scope.spans
            if span.trace_id.hex() == trace_id
        ]


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    took = Collector()

    class Taking(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.headers["content-type"] == "application/x-protobuf"
            took.bodies.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Taking) as server:
        took.url = f"http://127.0.0.1:{server.server_port}/v1/traces"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield took
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def stack(collector: Collector) -> Iterator[Stack]:
    """One replica that traces what its callers trace."""
    telemetry = {"otlp_endpoint": collector.url, "sample_ratio": 0, "commit": "c0ffee"}
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
        environment.setenv("NO_PROXY", "127.0.0.1")
        options = StackOptions(venue_ports={VENUE: 0}, settings={"telemetry": telemetry, "log": {"level": "DEBUG"}})
        with running(options) as started:
            yield started


@pytest.fixture
async def bot(stack: Stack) -> AsyncIterator[Bot]:
    async with bot_of(stack) as one:
        yield one


def traced(bot: Bot, *, is_sampled: bool = True) -> str:
    """Have the bot's requests be part of a trace from now on."""
    trace_id = secrets.token_hex(16)
    bot.http.headers["traceparent"] = f"00-{trace_id}-{CALLERS_SPAN}-0{is_sampled:d}"
    return trace_id


def attributes(span: Span) -> dict[str, Any]:
    return {one.key: one.value.string_value or one.value.int_value for one in span.attributes}


async def spans_of(collector: Collector, trace_id: str, count: int) -> Mapping[str, Span]:
    async def are_there() -> bool:
        return len(collector.spans(trace_id)) >= count

    await eventually(are_there, what=f"{count} spans")
    return {span.name: span for span in collector.spans(trace_id)}


async def test_an_order_is_traced_to_the_venue_without_a_secret(collector: Collector, stack: Stack, bot: Bot) -> None:
    trace_id = traced(bot)
    order = await bot.rest()
    spans = await spans_of(collector, trace_id, 3)
    request, claim, call = (spans[name] for name in ("POST /v1/orders", "order.claim", "venue.call"))
    assert request.parent_span_id.hex() == CALLERS_SPAN
    assert claim.parent_span_id == call.parent_span_id == request.span_id
    about = attributes(request)
    assert about["crossgate.client_order_id"] == order["client_order_id"]
    assert (about["crossgate.client"], about["crossgate.account"]) == (stack.api_key, bot.account)
    assert about["crossgate.venue"] == VENUE
    assert (about["crossgate.status"], about["crossgate.request_id"] != "") == (201, True)
    assert attributes(call) == {
        "crossgate.venue": VENUE,
        "crossgate.account": bot.account,
        "crossgate.kind": "order",
        "crossgate.call": "place",
        "crossgate.outcome": "ok",
    }
    trace_id = traced(bot)
    await bot.ask("GET", f"/v1/accounts/{bot.account}/balances?max_age_ms=0")
    spans = await spans_of(collector, trace_id, 3)
    assert attributes(spans["limiter.wait"])["crossgate.kind"] == "account_read"
    said = b"".join(collector.bodies)
    for secret in (stack.api_secret, bot.token, bot.token.rpartition(".")[2]):
        assert secret.encode() not in said


async def test_what_its_caller_does_not_trace_is_not_traced(collector: Collector, bot: Bot) -> None:
    unsampled = traced(bot, is_sampled=False)
    await bot.ask("GET", "/v1/accounts")
    sampled = traced(bot)
    await bot.ask("GET", "/v1/accounts")
    await spans_of(collector, sampled, 1)
    assert collector.spans(unsampled) == []


async def test_every_line_of_a_request_says_whose_it_is(stack: Stack, bot: Bot) -> None:
    trace_id = traced(bot)
    bot.http.headers["x-request-id"] = request_id = secrets.token_hex(8)
    await bot.rest()
    lines: list[dict[str, Any]] = []

    async def are_there() -> bool:
        said = (json.loads(line) for line in stack.gateways[0].log.read_text().splitlines())
        lines[:] = [line for line in said if line.get("request_id") == request_id]
        return {"order_sent", "request"} <= {line["event"] for line in lines}

    await eventually(are_there)
    for line in lines:
        assert (line["client"], line["account"], line["trace_id"]) == (stack.api_key, bot.account, trace_id)


async def test_what_happened_and_how_it_is_are_counted(stack: Stack, bot: Bot) -> None:
    await bot.touch()  # somebody reads a book
    await bot.rest()
    refused = await bot.call("POST", "/v1/auth/token", {"api_key": stack.api_key, "api_secret": "wrong"})
    assert refused.status_code == 401
    [url] = re.findall(r'"url": "(http[^"]+/metrics)"', stack.gateways[0].log.read_text())
    wanted: dict[tuple[str, ...], float] = {}

    async def are_right() -> bool:
        async with httpx.AsyncClient(trust_env=False) as http:
            text = (await http.get(url)).text
        wanted.clear()
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                wanted[sample.name, *(f"{name}={value}" for name, value in sorted(sample.labels.items()))] = (
                    sample.value
                )
        # The rest are counted where they happen; these are shown once a second.
        return wanted.get(("crossgate_ready",)) == 1 and wanted[live] >= 1

    live = ("crossgate_orders_live", f"account={bot.account}")
    await eventually(are_right)
    assert wanted["crossgate_build_info", "commit=c0ffee", "version=0.1.0"] == 1
    assert wanted["crossgate_venue_requests_total", "kind=order", "outcome=ok", f"venue={VENUE}"] >= 1
    assert wanted["crossgate_venue_request_seconds_count", "kind=order", f"venue={VENUE}"] >= 1
    assert wanted["crossgate_venue_circuits_open", "kind=order", f"venue={VENUE}"] == 0
    assert wanted["crossgate_auth_failures_total", "code=AUTHENTICATION_FAILED"] >= 1
    assert wanted["crossgate_orders_unknown", f"account={bot.account}"] == 0
    assert wanted["crossgate_account_tended", f"account={bot.account}"] == 1
    assert wanted["crossgate_limiter_without_store", f"venue={VENUE}"] == 0
    assert wanted["crossgate_clock_measured", f"venue={VENUE}"] == 1
    assert wanted["crossgate_feed_connected", f"venue={VENUE}"] == 1
    assert wanted["crossgate_redis_up",] == 1
    assert wanted["crossgate_redis_memory_used_bytes",] > 100_000
    assert wanted["crossgate_redis_round_trip_seconds_count",] > 0
    assert wanted["crossgate_feed_lag_seconds_count", f"venue={VENUE}"] > 0
    assert wanted["crossgate_loop_lag_seconds_count",] > 0
    assert wanted["crossgate_ws_clients",] == 0
