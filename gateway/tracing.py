"""Traces of requests, from the client's call to the venue's answer.

Off unless an endpoint is given: then the SDK, an extra of ours, is imported, and not before. A trace begins with a
request, or goes on where its `traceparent` says; what we do of our own accord has none. Venues are sent nothing of it.
Attributes name things (a client, an account, an order's own id), and never hold a secret.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

Value = str | int | float | bool | None

_PREFIX = "crossgate."
_EXPORT_TIMEOUT_S = 2
_SPANS_MAX = 4_096
"""Spans that wait to be sent; more are dropped: a collector that is away must cost us nothing."""

_NOTHING: AbstractContextManager[None] = nullcontext()
_propagator = TraceContextTextMapPropagator()
_tracer: Tracer | None = None


class TracingMissing(Exception):
    """Traces are wanted, and the packages for them are not installed."""


def set_up(endpoint: str, *, sample_ratio: float, version: str) -> Callable[[], None]:
    """Send traces to an OTLP endpoint over HTTP from now on; call what it answers to send the last ones and stop.

    Raises `TracingMissing`.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
        from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased  # noqa: PLC0415
    except ImportError as error:
        raise TracingMissing(str(error)) from error
    resource = Resource.create({"service.name": "crossgate", "service.version": version})
    provider = TracerProvider(resource=resource, sampler=ParentBased(TraceIdRatioBased(sample_ratio)))
    exporter = OTLPSpanExporter(endpoint=endpoint, timeout=_EXPORT_TIMEOUT_S)
    provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=_SPANS_MAX))
    return use(provider)


def use(provider: "TracerProvider") -> Callable[[], None]:
    """Make spans with `provider` until what is answered is called. Not the global one: no library shall use it."""
    global _tracer  # noqa: PLW0603 - one process traces, or it does not
    _tracer = provider.get_tracer("crossgate")

    def stop() -> None:
        global _tracer  # noqa: PLW0603
        _tracer = None
        provider.shutdown()

    return stop


def request(headers: Mapping[str, str]) -> AbstractContextManager[Span | None]:
    """The block in which one request is served: the root of our spans; None while traces are off."""
    if _tracer is None:
        return _NOTHING
    parent = _propagator.extract(headers)
    return _tracer.start_as_current_span("request", parent, SpanKind.SERVER, record_exception=False)


def span(
    name: str, span_kind: SpanKind = SpanKind.INTERNAL, /, **attributes: Value
) -> AbstractContextManager[Span | None]:
    """A block within a request, as a span of its own; None where there is no request, or no trace of it is kept."""
    if _tracer is None or not trace.get_current_span().is_recording():
        return _NOTHING
    return _recording(_tracer, name, span_kind, attributes)


def request_ended(name: str, **attributes: Value) -> None:
    """Say in the end what the request was, and what came of it: before, not even its route is known."""
    if _tracer is not None:
        current = trace.get_current_span()
        current.update_name(name)
        current.set_attributes(_named(attributes))


def note(**attributes: Value) -> None:
    """Say of what is being traced, if anything is, what it is about."""
    if _tracer is not None:
        trace.get_current_span().set_attributes(_named(attributes))


def trace_id() -> str | None:
    """Of what is going on now, in hexadecimal; None where nothing is traced."""
    if _tracer is None:
        return None
    context = trace.get_current_span().get_span_context()
    return trace.format_trace_id(context.trace_id) if context.is_valid else None


@contextmanager
def _recording(tracer: Tracer, name: str, kind: SpanKind, attributes: Mapping[str, Value]) -> Iterator[Span]:
    # What an exception says may hold what a client or a venue wrote: its class is enough.
    with tracer.start_as_current_span(
        name, kind=kind, attributes=_named(attributes), record_exception=False, set_status_on_exception=False
    ) as current:
        try:
            yield current
        except BaseException as error:
            current.set_status(Status(StatusCode.ERROR, type(error).__name__))
            raise


def _named(attributes: Mapping[str, Value]) -> dict[str, str | int | float | bool]:
    return {_PREFIX + name: value for name, value in attributes.items() if value is not None}
