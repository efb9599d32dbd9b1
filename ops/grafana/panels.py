"""All dashboards."""

from __future__ import annotations

from typing import Final

from ops.grafana.health import HEALTH
from ops.grafana.servers import DEPENDENCIES
from ops.grafana.stock import CONTRACTS, RENEWALS

DASHBOARDS: Final = (HEALTH, CONTRACTS, RENEWALS, DEPENDENCIES)
