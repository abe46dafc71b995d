"""Calls to venues are counted by what came of them, and what goes out is not changed by being watched."""

from collections.abc import Iterator

import httpx
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import REGISTRY

from adapters.common.breaker import Breaker
from adapters.contract import Call, CallKind
from adapters.errors import GrantExpired
from adapters.models import AccountName, VenueName
from gateway import tracing
from gateway.venue_calls import VenueCalls

VENUE = VenueName("watched")
CANCEL = Call("cancel", CallKind.CANCEL, "standard")


class Wire:
    """Answers with a status, or fails; keeps what it was given."""

    def __init__(self, answer: int | Exception) -> None:
        self._answer = answer
        self.sent: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        if isinstance(self._answer, Exception):
            raise self._answer
        return httpx.Response(self._answer)


def request(circuit: Breaker | None = None) -> httpx.Request:
    extensions = {"call": CANCEL, "circuit": circuit or Breaker()}
    return httpx.Request("POST", "https://venue/cancel", headers={"x-key": "k"}, extensions=extensions)


def counted(outcome: str) -> float:
    labels = {"venue": VENUE, "kind": "cancel", "outcome": outcome}
    return REGISTRY.get_sample_value("crossgate_venue_requests_total", labels) or 0


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (200, "ok"),
        (404, "refused"),
        (429, "too_many"),
        (418, "banned"),
        (503, "server_error"),
        (httpx.ReadTimeout("late"), "no_answer"),
        (httpx.ReadError("reset"), "no_answer"),
        (httpx.ConnectError("refused"), "not_sent"),
        (GrantExpired(VENUE, "too old"), "not_sent"),
    ],
)
async def test_a_call_is_counted_by_what_came_of_it(answer: int | Exception, outcome: str) -> None:
    before = counted(outcome)
    transport = VenueCalls(Wire(answer)).transport(VENUE)
    if isinstance(answer, Exception):
        with pytest.raises(type(answer)):
            await transport.handle_async_request(request())
    else:
        assert (await transport.handle_async_request(request())).status_code == answer
    assert counted(outcome) == before + 1


async def test_circuits_show_whether_they_are_open() -> None:
    calls, circuit = VenueCalls(Wire(500)), Breaker(failures=1, open_s=2)
    await calls.transport(VENUE).handle_async_request(request(circuit))
    assert calls.open_circuits(0) == {(VENUE, CallKind.CANCEL): 0}
    circuit.failed(0)
    assert calls.open_circuits(1) == calls.open_circuits(3) == {(VENUE, CallKind.CANCEL): 1}
    circuit.succeeded()
    assert calls.open_circuits(4) == {(VENUE, CallKind.CANCEL): 0}


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    stop = tracing.use(provider)
    yield exporter
    stop()


async def test_a_traced_call_tells_the_venue_nothing_of_it(spans: InMemorySpanExporter) -> None:
    wire = Wire(httpx.ReadTimeout("https://venue/?signature=s3cr3t"))
    with tracing.request({}), pytest.raises(httpx.ReadTimeout):
        await VenueCalls(wire).transport(VENUE, AccountName("main")).handle_async_request(request())
    assert wire.sent[0].headers == request().headers
    call = spans.get_finished_spans()[0]
    assert (call.name, call.status.description, len(call.events)) == ("venue.call", "ReadTimeout", 0)
    assert "s3cr3t" not in call.to_json()
    assert dict(call.attributes or {}) == {
        "crossgate.venue": VENUE,
        "crossgate.account": "main",
        "crossgate.kind": "cancel",
        "crossgate.call": "cancel",
        "crossgate.outcome": "no_answer",
    }


async def test_what_we_do_of_our_own_accord_is_not_traced(spans: InMemorySpanExporter) -> None:
    await VenueCalls(Wire(200)).transport(VENUE).handle_async_request(request())
    assert spans.get_finished_spans() == ()
