"""The list of examples, and what of them needs no servers."""

import re
import runpy
from pathlib import Path

from tests.examples.conftest import EXAMPLES


def test_every_example_is_listed_and_tested() -> None:
    files = {path.name for path in EXAMPLES.iterdir() if path.is_file() and path.name != "README.md"}
    listed = set(re.findall(r"^\| `([^`]+)`", (EXAMPLES / "README.md").read_text(), re.MULTILINE))
    assert listed == files
    tests = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    assert {name for name in files if name not in tests} == set()


def test_the_temporal_worker_offers_the_activity_by_its_name() -> None:
    """fetch_contract_worker.py; what the activity answers is tested in tests/reading/test_temporal.py."""
    example = runpy.run_path(str(EXAMPLES / "fetch_contract_worker.py"))
    definition = getattr(example["ContractActivities"].fetch_contract, "__temporal_activity_definition")
    assert definition.name == "fetch_contract"
