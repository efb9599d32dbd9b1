"""Alert rules: valid, each firing and quiet when it should, each with a runbook, about metrics that exist."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from consumer.telemetry.metrics_table import METRICS
from ops.runbooks import base

ROOT = Path(__file__).parents[2]
RULES = ROOT / "ops/prometheus/rules/contracts.yml"
TESTS = sorted((ROOT / "ops/prometheus/tests").glob("*.yml"))
METRIC = re.compile(r"\bcontracts_[a-z_]+")
PAGE = ROOT / "docs/operate.md"
SECTIONS = ["## What it means", "## Find out", "## Do"]


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def page_of(rule: dict[str, Any]) -> Path:
    """The page that the site serves at the rule's address."""
    served, _, name = rule["annotations"]["runbook_url"].rpartition("/")
    assert served == base()
    return ROOT / "docs/runbooks" / f"{name.removesuffix('.html')}.md"


ALERTS = [rule for rule in rules() if "alert" in rule]
NAMES = [rule["alert"] for rule in ALERTS]


@pytest.fixture
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None and os.environ.get("CI"):
        pytest.fail("promtool is required in CI: install Debian's package prometheus")
    if found is None:
        pytest.skip("ALERT RULES NOT TESTED: promtool is not installed (Debian: prometheus)")
    return found


@pytest.mark.parametrize("file", TESTS, ids=lambda file: file.stem)
def test_alerts_fire_and_stay_quiet(promtool: str, file: Path) -> None:
    done = subprocess.run([promtool, "test", "rules", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_accepts_the_configuration(promtool: str) -> None:
    config = ROOT / "ops/prometheus/prometheus.yml"
    done = subprocess.run([promtool, "check", "config", config], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["fires", "quiet"])
def test_each_alert_has_a_test_of_both_kinds(name: str, kind: str) -> None:
    assert any(f'name: "{name} {kind}: ' in file.read_text() for file in TESTS)


@pytest.mark.parametrize("rule", ALERTS, ids=NAMES)
def test_each_alert_has_a_runbook_that_says_what_to_do(rule: dict[str, Any]) -> None:
    runbook = page_of(rule).read_text()
    assert rule["alert"] in runbook
    assert [line for line in runbook.splitlines() if line.startswith("## ")] == SECTIONS
    assert rule["labels"]["severity"] in {"page", "ticket"}


def test_the_page_lists_every_alert_and_no_other() -> None:
    listed = re.findall(r"^\| \[(\w+)\]\((\S+)\) \| (\w+) \|", PAGE.read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(
        (
            rule["alert"],
            f"runbooks/{page_of(rule).name}",
            rule["labels"]["severity"],
        )
        for rule in ALERTS
    )


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.get("alert") or rule["record"])
def test_rules_ask_for_metrics_that_exist(rule: dict[str, Any]) -> None:
    known = {spec.exposed_name for spec in METRICS}
    named = {re.sub(r"_(bucket|count|sum)$", "", name) for name in METRIC.findall(rule["expr"])}
    assert named <= known
