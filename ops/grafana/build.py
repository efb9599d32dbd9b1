"""`python -m ops.grafana.build`: writes dashboards/*.json from the panels beside it. A test compares the two.

Every dashboard can be pointed at any Prometheus, job and instance by its variables, so that one file
serves all environments.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from ops.grafana.links import RUNBOOKS
from ops.grafana.panels import DASHBOARDS
from ops.grafana.parts import Dashboard, Panel, Row
from ops.runbooks import address

FOLDER: Final = Path(__file__).parent / "dashboards"
DATASOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
COLUMNS: Final = 24


def dashboard_json(dashboard: Dashboard) -> dict[str, Any]:
    """The dashboard as Grafana imports it."""
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "description": dashboard.description,
        "tags": ["contracts"],
        "editable": False,
        "schemaVersion": 39,
        "version": 1,
        "timezone": "utc",
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "graphTooltip": 1,
        "annotations": {"list": []},
        "links": [
            {
                "type": "dashboards",
                "tags": ["contracts"],
                "title": "Contracts",
                "asDropdown": True,
                "keepTime": True,
            }
        ],
        "templating": {
            "list": [_datasource(), _labels("job", "Job"), _labels("instance", "Instance", 'job=~"$job"')]
        },
        "panels": _panels(dashboard),
    }


def _datasource() -> dict[str, Any]:
    return {
        "name": "datasource",
        "label": "Data source",
        "type": "datasource",
        "query": "prometheus",
        "current": {},
        "hide": 0,
        "refresh": 1,
    }


def _labels(label: str, title: str, where: str = "") -> dict[str, Any]:
    query = f"label_values(contracts_build_info{{{where}}}, {label})"
    return {
        "name": label,
        "label": title,
        "type": "query",
        "datasource": DATASOURCE,
        "query": {"query": query, "refId": label},
        "definition": query,
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".+",
        "current": {"text": "All", "value": "$__all"},
    }


def _panels(dashboard: Dashboard) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    x = y = height = 0
    for number, item in enumerate(dashboard.items, start=1):
        if isinstance(item, Row):
            x, y, height = 0, y + height, 1
            place = {"x": 0, "y": y, "w": COLUMNS, "h": 1}
            made.append(
                {
                    "id": number,
                    "type": "row",
                    "title": item.title,
                    "collapsed": False,
                    "gridPos": place,
                    "panels": [],
                }
            )
            y, height = y + 1, 0
            continue
        if x + item.width > COLUMNS:
            x, y, height = 0, y + height, 0
        place = {"x": x, "y": y, "w": item.width, "h": item.height}
        made.append({"id": number, "gridPos": place, **_panel(item)})
        x, height = x + item.width, max(height, item.height)
    return made


def _panel(panel: Panel) -> dict[str, Any]:
    common: dict[str, Any] = {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": DATASOURCE,
        "targets": [
            {
                "refId": chr(ord("A") + number),
                "datasource": DATASOURCE,
                "expr": expr,
                "legendFormat": legend,
                **({"exemplar": True} if panel.exemplars else {}),
            }
            for number, (expr, legend) in enumerate(panel.queries)
        ],
    }
    if runbooks := RUNBOOKS.get(panel.title):
        common["links"] = [
            {"title": f"Runbook {name}", "url": address(name), "targetBlank": True} for name in runbooks
        ]
    defaults: dict[str, Any] = {"unit": panel.unit, "min": 0}
    if panel.steps:
        colours = ("green", "yellow", "red") if len(panel.steps) > 1 else ("green", "red")
        values = (None, *panel.steps)
        if panel.low_is_bad:
            colours = colours[::-1]
        defaults["thresholds"] = {
            "mode": "absolute",
            "steps": [
                {"color": colour, "value": value} for colour, value in zip(colours, values, strict=True)
            ],
        }
    if panel.kind == "stat":
        options: dict[str, Any] = {
            "reduceOptions": {"calcs": ["lastNotNull"]},
            "colorMode": "value",
            "graphMode": "area",
        }
    else:
        defaults["custom"] = {
            "fillOpacity": 15 if panel.stacked else 5,
            "showPoints": "never",
            "stacking": {"mode": "normal" if panel.stacked else "none"},
        }
        options = {
            "legend": {"displayMode": "list", "placement": "bottom"},
            "tooltip": {"mode": "multi", "sort": "desc"},
        }
    return {**common, "fieldConfig": {"defaults": defaults, "overrides": []}, "options": options}


def text(dashboard: Dashboard) -> str:
    """One panel a line, so that a change shows as one."""
    whole = dashboard_json(dashboard)
    panels = ",\n".join(f"    {json.dumps(panel)}" for panel in whole.pop("panels"))
    lines = [f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in whole.items()]
    return "{\n" + ",\n".join([*lines, f'  "panels": [\n{panels}\n  ]']) + "\n}\n"


def main() -> None:
    """Write all of them."""
    for dashboard in DASHBOARDS:
        (FOLDER / f"{dashboard.uid}.json").write_text(text(dashboard), "utf-8")


if __name__ == "__main__":
    main()
