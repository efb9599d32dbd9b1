"""The list of examples, and what of them needs no servers."""

import importlib
import re
from pathlib import Path

import pytest
from temporalio.worker import workflow_sandbox
from temporalio.workflow import _Definition

from tests.system.examples.conftest import EXAMPLES


def test_every_example_is_listed_and_tested() -> None:
    kinds = {".py", ".sh", ".js", ".go", ".java"}
    built = {"node_modules", "target"}
    paths = [path.relative_to(EXAMPLES) for path in EXAMPLES.rglob("*") if path.suffix in kinds]
    files = {str(path) for path in paths if not built & set(path.parts)}
    listed = set(re.findall(r"^\| `([^`]+)`", (EXAMPLES / "README.md").read_text(), re.MULTILINE))
    assert listed == files
    tests = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    assert {name for name in files if name not in tests} == set()


async def test_the_temporal_worker_would_start(monkeypatch: pytest.MonkeyPatch, client_path: Path) -> None:
    """fetch_contract_worker.py; tests/contract/reading/test_temporal.py tests what the activity answers."""
    monkeypatch.syspath_prepend(client_path)
    monkeypatch.syspath_prepend(EXAMPLES)
    example = importlib.import_module("fetch_contract_worker")
    definition = getattr(example.ContractActivities.fetch_contract, "__temporal_activity_definition")
    assert definition.name == "fetch_contract"
    # What a worker does first: it imports the workflow in the sandbox, which refuses most of what we import.
    workflow = _Definition.must_from_class(example.UpsellWorkflow)
    workflow_sandbox.SandboxedWorkflowRunner().prepare_workflow(workflow)
