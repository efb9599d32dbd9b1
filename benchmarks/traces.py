"""What traces cost at full speed, with a collector that takes all spans."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final

from benchmarks.comparison import services
from benchmarks.contenders.service import Service
from benchmarks.report import show_rows
from benchmarks.spans import spans_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from benchmarks.race import Scenario
    from benchmarks.world import Run, World

SAMPLED: Final = (0.0, 0.01, 1.0)


class Traced(Service):
    """The service with traces."""

    def __init__(self, ratio: float, collector: str) -> None:
        super().__init__()
        self.name = f"service-traced-{100 * ratio:.0f}"
        self.title = f"contract service, {ratio:.0%} of commands traced"
        self._traces = {
            "CONTRACTS_TRACES_SAMPLE_RATIO": str(ratio),
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector,
        }

    def environment(self, run: Run) -> Mapping[str, str]:
        """With traces."""
        return {**super().environment(run), **self._traces}


def traces(world: World, scenario: Scenario, rounds: int, others: Sequence[Path]) -> dict[str, Any]:
    """The service without traces, beside itself with some; `others` are checkouts from before them."""
    spans = spans_of(SAMPLED)
    show_rows("CPU of traces, µs a command", spans)
    with _collector() as (collector, received):
        contenders = [*(Traced(ratio, collector) for ratio in SAMPLED), *map(Service, others)]
        raced = services(world, scenario, rounds, contenders)
    return {**raced, "spans": spans, "received_bytes": sum(received)}


@contextmanager
def _collector() -> Iterator[tuple[str, list[int]]]:
    """A collector's address, and the sizes of the requests: it reads them, and decodes nothing."""
    received: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            received.append(len(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", received
        finally:
            server.shutdown()
