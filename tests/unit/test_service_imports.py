"""What the service does without: each process would keep it in memory."""

import subprocess
import sys

WITHOUT = (
    "consumer.api",
    "consumer.operator.shadow",
    "consumer.reading",
    "opentelemetry",
    "producers.manager",
    "redis",
)
NEEDED = {"consumer.reading", "consumer.reading.hot_states"}


def test_the_service_imports_neither_readers_nor_the_api() -> None:
    script = "import sys, consumer.process; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert {name for name in ran.stdout.split() if name.startswith(WITHOUT)} == NEEDED
