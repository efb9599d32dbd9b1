"""Where runbooks are served: the one setting of all links from alerts and dashboards.

`make runbooks RUNBOOKS=https://wiki.example.org/contracts/runbooks` writes it into runbooks.txt, and makes
again what links there: rules/contracts.yml in its place, kubernetes/monitoring/rules.yaml, the dashboards.
The pages are docs/runbooks; `make docs` builds them into site/runbooks.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

FOLDER: Final = Path(__file__).parent
SETTING: Final = FOLDER / "runbooks.txt"
RULES: Final = FOLDER / "prometheus/rules/contracts.yml"
PROMETHEUS_RULE: Final = FOLDER / "kubernetes/monitoring/rules.yaml"

_LINK = re.compile(r"^( +runbook_url: ).*?(\w+)(?:\.\w+)$", re.MULTILINE)
_HEAD = """\
# For the Prometheus operator; made by `make runbooks` from ops/prometheus/rules/contracts.yml.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: contracts
  labels: {app.kubernetes.io/name: contracts}
spec:
"""


def base() -> str:
    """Address of the folder with the runbooks, without a slash at the end."""
    return SETTING.read_text("utf-8").strip()


def address(runbook: str) -> str:
    """Of a runbook, by the name of its page."""
    return f"{base()}/{runbook}.html"


def rules() -> str:
    """The rules with links to where the runbooks are served."""
    return _LINK.sub(lambda found: found[1] + address(found[2]), RULES.read_text("utf-8"))


def prometheus_rule() -> str:
    """The same as a resource of the Prometheus operator."""
    groups = rules().partition("\ngroups:")[2]
    return _HEAD + "\n".join(f"  {line}" if line else "" for line in f"groups:{groups}".splitlines()) + "\n"


def set_base(given: str) -> None:
    """Raises ValueError: it is no absolute address."""
    parts = urlsplit(given)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise ValueError(
            f"{given!r} is no absolute address, such as https://wiki.example.org/contracts/runbooks"
        )
    SETTING.write_text(given.rstrip("/") + "\n", "utf-8")


def main() -> int:
    """The exit code."""
    try:
        for given in sys.argv[1:]:
            set_base(given)
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    RULES.write_text(rules(), "utf-8")
    PROMETHEUS_RULE.write_text(prometheus_rule(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
