"""The spans: Temporal's by the SDK's own plugin; a model's call, a tool's and an agent's run by OpenTelemetry's
conventions for generative AI. No prompt, reply, argument or result is in them.
"""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from temporalio import activity, workflow
from temporalio.contrib.opentelemetry import OpenTelemetryPlugin, ReplaySafeTracerProvider, create_tracer_provider
from temporalio.plugin import SimplePlugin
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    ExecuteWorkflowInput,
    Interceptor,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
)

from activities.models import Models, Progress
from contracts.models import ModelReply, ModelRequest
from contracts.steps import MCP_CALL, TOOL_CHANGE, TOOL_LOOK
from contracts.tools import ToolCall
from ledger import ArtifactStore

SEND_SECONDS = 5.0  # for one request to the collector
TOOLS = {TOOL_LOOK.name, TOOL_CHANGE.name, MCP_CALL.name}
AGENT = "agent"  # the workflow that is one agent at work
PROVIDERS = {"bedrock": "aws.bedrock"}  # as the conventions name them, where we do otherwise
FINISHED = {"end": "stop", "tool": "tool_call"}
USD = "countersign.usd"  # the conventions know of no price

Sending = BatchSpanProcessor


def sending(collector: str, service: str) -> BatchSpanProcessor:
    """From now on this process sends its spans there. Headers and certificates: by OTEL_EXPORTER_OTLP_… as usual."""
    exporter = OTLPSpanExporter(f"{collector.rstrip('/')}/v1/traces", timeout=SEND_SECONDS)
    processor = BatchSpanProcessor(Wordless(exporter), schedule_delay_millis=1000)
    provider = trace.get_tracer_provider()
    if not isinstance(provider, ReplaySafeTracerProvider):
        resource = Resource.create({"service.name": service, "service.namespace": "countersign"})
        provider = create_tracer_provider(resource=resource, shutdown_on_exit=False)
        trace.set_tracer_provider(provider)
    provider.add_span_processor(processor)
    return processor


class Wordless(SpanExporter):
    """Sends errors by their names: what they say may hold what an agent read, and the stack where."""

    def __init__(self, inside: SpanExporter) -> None:
        self._inside = inside

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self._inside.export([wordless(each) for each in spans])

    def shutdown(self) -> None:
        self._inside.shutdown()


def wordless(made: ReadableSpan) -> ReadableSpan:
    status = made.status
    if status.description:
        status = Status(status.status_code, status.description.split(":")[0])
    events = [
        Event(each.name, {"exception.type": (each.attributes or {}).get("exception.type", "")}, each.timestamp)
        for each in made.events
    ]
    return ReadableSpan(
        name=made.name,
        context=made.context,
        parent=made.parent,
        resource=made.resource,
        attributes=made.attributes,
        events=events,
        links=made.links,
        kind=made.kind,
        status=status,
        start_time=made.start_time,
        end_time=made.end_time,
        instrumentation_scope=made.instrumentation_scope,
    )


def plugins(artifacts: ArtifactStore) -> list[Any]:
    """The SDK's, and inside of it ours."""
    ours = SimplePlugin("countersign.spans", interceptors=[SpanInterceptor(artifacts)])
    return [OpenTelemetryPlugin(add_temporal_spans=True), ours]


@contextmanager
def span(name: str, kind: SpanKind, attributes: dict[str, Any]) -> Iterator[Span]:
    """A span that ends with the name of the error that ended it. The error's words stay out of it."""
    made = trace.get_tracer("countersign").start_as_current_span(
        name, kind=kind, attributes=attributes, record_exception=False, set_status_on_exception=False
    )
    with made as current:
        try:
            yield current
        except BaseException as error:
            failed(current, type(error).__name__)
            raise


def failed(current: Span, error: str) -> None:
    current.set_attribute("error.type", error)
    current.set_status(Status(StatusCode.ERROR, error))


class TracedModels:
    """A model with a span for each of its calls."""

    def __init__(self, inside: Models) -> None:
        self._inside = inside
        self.provider = inside.provider
        self.model = inside.model
        self.allow_unpriced = inside.allow_unpriced

    async def call(self, request: ModelRequest, *, on_progress: Progress | None = None) -> ModelReply:
        asked = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": PROVIDERS.get(self.provider, self.provider),
            "gen_ai.request.model": self.model,
            "gen_ai.request.max_tokens": request.max_output_tokens,
        }
        with span(f"chat {self.model}", SpanKind.CLIENT, asked) as current:
            reply = await self._inside.call(request, on_progress=on_progress)
            current.set_attributes(answered(reply))
            return reply

    def worst_case_usd(self, request: ModelRequest) -> Decimal | None:
        return self._inside.worst_case_usd(request)


def traced(models: Models) -> Models:
    return TracedModels(models)


def answered(reply: ModelReply) -> dict[str, Any]:
    """What is told of a reply: figures, and none of its words. An unknown price is not there."""
    usage = reply.usage
    told: dict[str, Any] = {
        "gen_ai.response.model": reply.model,
        "gen_ai.response.finish_reasons": [FINISHED.get(reply.stop, reply.stop)],
        "gen_ai.usage.input_tokens": usage.prompt,
        "gen_ai.usage.output_tokens": usage.written,
        "gen_ai.usage.cache_read.input_tokens": usage.cached_read,
        "gen_ai.usage.cache_creation.input_tokens": usage.cached_write,
    }
    return told if reply.usd is None else told | {USD: float(reply.usd)}


class SpanInterceptor(Interceptor):
    """Spans for tools and agents, inside Temporal's own for their steps."""

    def __init__(self, artifacts: ArtifactStore) -> None:
        self._artifacts = artifacts

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Activities(next, self._artifacts)

    def workflow_interceptor_class(self, input: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:
        return _Workflows


class _Activities(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, artifacts: ArtifactStore) -> None:
        super().__init__(next)
        self._artifacts = artifacts

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        if activity.info().activity_type not in TOOLS:
            return await super().execute_activity(input)
        use = input.args[0]
        call = await asyncio.to_thread(self._known, use.call)
        about: dict[str, Any] = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": use.tool}
        about |= {"gen_ai.tool.call.id": call.id, "gen_ai.tool.type": "function"} if call else {}
        with span(f"execute_tool {use.tool}", SpanKind.INTERNAL, about) as current:
            done = await super().execute_activity(input)
            if getattr(done, "failed", False):
                failed(current, "tool_error")
            return done

    def _known(self, ref: str) -> ToolCall | None:
        try:
            return self._artifacts.get_model(ToolCall, ref)
        except Exception:  # the step itself says what is wrong with it
            return None


class _Workflows(WorkflowInboundInterceptor):
    async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:
        if workflow.info().workflow_type != AGENT:
            return await super().execute_workflow(input)
        about = {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": AGENT,
            "gen_ai.conversation.id": workflow.info().workflow_id,
        }
        with span(f"invoke_agent {AGENT}", SpanKind.INTERNAL, about):
            return await super().execute_workflow(input)
