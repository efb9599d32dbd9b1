"""Dashboards: as built, held to the rules of Grafana's dashboard-linter, and every query answered."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ops.grafana.build import FOLDER, text
from ops.grafana.links import RUNBOOKS
from ops.grafana.panels import DASHBOARDS
from tests.ops.watched import Watched, expanded

FILES = sorted(FOLDER.glob("*.json"))
UNITS = {"none", "short", "s", "ops", "percentunit", "bytes"}
"""Of those that Grafana knows."""
LABELS = re.compile(r"label_values\((contracts_\w+\{.*\}), (\w+)\)")
METRIC = re.compile(r"\b(?:contracts|process)_\w+")
COUNTER = re.compile(r"(\w+\()?contracts_\w+_total\b")


def read() -> list[dict[str, Any]]:
    return [json.loads(file.read_text()) for file in FILES]


def panels() -> Iterator[tuple[str, dict[str, Any]]]:
    for dashboard in read():
        for panel in dashboard["panels"]:
            if panel["type"] != "row":
                yield f"{dashboard['uid']}: {panel['title']}", panel


def targets() -> Iterator[tuple[str, str]]:
    for name, panel in panels():
        for target in panel["targets"]:
            yield name, target["expr"]


def test_the_files_are_what_the_code_makes() -> None:
    assert {file.stem: file.read_text() for file in FILES} == {
        dashboard.uid: text(dashboard) for dashboard in DASHBOARDS
    }, "run `python -m ops.grafana.build`"


@pytest.mark.parametrize("dashboard", read(), ids=lambda dashboard: dashboard["uid"])
def test_variables_follow_the_rules(dashboard: dict[str, Any]) -> None:
    variables = {variable["name"]: variable for variable in dashboard["templating"]["list"]}
    assert list(variables) == ["datasource", "job", "instance"]
    assert variables["datasource"]["query"] == "prometheus"
    assert variables["datasource"]["label"] == "Data source"
    for name in ("job", "instance"):
        assert (variables[name]["multi"], variables[name]["allValue"], variables[name]["refresh"]) == (
            True,
            ".+",
            2,
        )
        assert variables[name]["datasource"]["uid"] == "${datasource}"
        assert (variables[name]["type"], variables[name]["label"]) == ("query", name.capitalize())
    assert dashboard["editable"] is False


@pytest.mark.parametrize(
    ("name", "panel"), list(panels()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_panels_follow_the_rules(name: str, panel: dict[str, Any]) -> None:
    assert panel["title"]
    assert panel["description"].endswith((".", "`."))
    assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
    assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    assert panel["targets"]
    assert all(target["datasource"] == panel["datasource"] for target in panel["targets"])


@pytest.mark.parametrize("expr", [expr for _, expr in targets()])
def test_queries_follow_the_rules(expr: str) -> None:
    selectors = re.findall(r"(?:contracts|process)_\w+\{([^}]*)\}", expr)
    assert len(selectors) == len(METRIC.findall(expr)) > 0, "a metric without a selector"
    assert all('job=~"$job"' in selector and 'instance=~"$instance"' in selector for selector in selectors)
    assert all(interval == "$__rate_interval" for interval in re.findall(r"\[([^\]]*)\]", expr))
    assert all(function == "rate(" for function in COUNTER.findall(expr)), (
        "a counter is only good for its rate"
    )


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_grafana_s_own_linter_finds_nothing(file: Path) -> None:
    linter = shutil.which("dashboard-linter")
    if linter is None:
        pytest.skip("grafana/dashboard-linter is not installed; the other tests here hold its rules")
    done = subprocess.run([linter, "lint", "--strict", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_every_alert_s_runbook_is_reached_from_a_panel() -> None:
    linked = {link["url"] for _, panel in panels() for link in panel.get("links", ())}
    groups = yaml.safe_load((FOLDER.parents[1] / "prometheus/rules/contracts.yml").read_text())["groups"]
    alerts = [rule for group in groups for rule in group["rules"] if "alert" in rule]
    assert linked == {rule["annotations"]["runbook_url"] for rule in alerts}


def test_panels_that_lead_to_runbooks_exist() -> None:
    assert set(RUNBOOKS) <= {panel["title"] for _, panel in panels()}


def test_panels_do_not_overlap() -> None:
    for dashboard in read():
        taken: set[tuple[int, int]] = set()
        for panel in dashboard["panels"]:
            place = panel["gridPos"]
            cells = {
                (x, y)
                for x in range(place["x"], place["x"] + place["w"])
                for y in range(place["y"], place["y"] + place["h"])
            }
            assert not cells & taken, (dashboard["uid"], panel["title"])
            taken |= cells


@pytest.mark.asyncio(loop_scope="module")
async def test_prometheus_answers_every_query(watched: Watched) -> None:
    """Under the demo's load no query is rejected, and none is empty."""
    empty = [(name, expr) for name, expr in targets() if not await watched.query(expanded(expr))]
    assert empty == []


@pytest.mark.asyncio(loop_scope="module")
async def test_the_variables_find_what_is_scraped(watched: Watched) -> None:
    for dashboard in read():
        for variable in dashboard["templating"]["list"][1:]:
            [(selector, label)] = LABELS.findall(variable["query"]["query"])
            assert label == variable["name"]
            assert len(await watched.query(f"count by ({label}) ({expanded(selector)})")) == 1


@pytest.mark.asyncio(loop_scope="module")
async def test_no_alert_fires_about_a_service_that_works(watched: Watched) -> None:
    firing = {alert["labels"]["alertname"] for alert in await watched.alerts() if alert["state"] == "firing"}
    assert firing == set()
