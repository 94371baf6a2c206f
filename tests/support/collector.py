"""A real receiver of OTLP over HTTP, in a thread: it decodes what it is sent by OpenTelemetry's own protobuf."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


@dataclass(frozen=True)
class Received:
    """A span, as the collector was told of it. Ids are hex."""

    name: str
    trace: str
    span: str
    parent: str
    attributes: dict[str, Any]
    error: str
    seconds: float
    service: str
    raw: bytes = field(repr=False)


@dataclass
class Collector:
    """What came in. `answers` unset: it takes a request, and says nothing until the end."""

    url: str = ""
    spans: list[Received] = field(default_factory=list)
    answers: threading.Event = field(default_factory=threading.Event)

    def take(self, body: bytes) -> None:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            service = values(resource.resource.attributes).get("service.name", "")
            self.spans += [received(each, service) for scope in resource.scope_spans for each in scope.spans]


def received(span: Any, service: str) -> Received:
    return Received(
        name=span.name,
        trace=span.trace_id.hex(),
        span=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        attributes=values(span.attributes),
        error=span.status.message if span.status.code == 2 else "",
        seconds=(span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
        service=service,
        raw=span.SerializeToString(),
    )


def values(attributes: Any) -> dict[str, Any]:
    return {each.key: value(each.value) for each in attributes}


def value(found: Any) -> Any:
    kind = found.WhichOneof("value")
    return [value(each) for each in found.array_value.values] if kind == "array_value" else getattr(found, kind)


@contextmanager
def collecting(*, answers: bool = True) -> Iterator[Collector]:
    collector = Collector()
    if answers:
        collector.answers.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            collector.answers.wait()
            if self.path == "/v1/traces":
                collector.take(body)
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    collector.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield collector
    finally:
        collector.answers.set()
        server.shutdown()
        server.server_close()
