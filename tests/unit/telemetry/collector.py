"""A small collector: takes spans by OTLP over HTTP, and decodes them."""

from __future__ import annotations

import gzip
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Collector:
    """What has arrived; `status` is the answer to each request."""

    def __init__(self, status=200):
        self.status = status
        self.requests = []
        self.arrived = threading.Event()

    @property
    def spans(self):
        return [
            span
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    @property
    def resource(self):
        [attributes] = {
            tuple((each.key, each.value.string_value) for each in resource.resource.attributes)
            for request in self.requests
            for resource in request.resource_spans
        }
        return dict(attributes)


@contextmanager
def collecting(status=200):
    """A collector, and the address of it for OTEL_EXPORTER_OTLP_ENDPOINT."""
    collector = Collector(status)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            collector.requests.append(ExportTraceServiceRequest.FromString(body))
            self.send_response(collector.status)
            self.send_header("Content-Length", "0")
            self.end_headers()
            collector.arrived.set()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield collector, f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
