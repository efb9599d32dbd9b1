"""What queries on MongoDB look for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from consumer.domain.statuses import RUNNING

if TYPE_CHECKING:
    from consumer.storage.queries import Ending, Selection

LATEST: Final = [("lifecycle.offset", -1)]
RUNS: Final = {"$in": sorted(RUNNING)}


def selected(selection: Selection) -> dict[str, Any]:
    """Contracts of a selection."""
    wanted = {
        "status": selection.status,
        "contract_type": selection.contract_type,
        "external_reference": selection.external_reference,
    }
    return {name: value for name, value in wanted.items() if value is not None}


def ends_in(ending: Ending) -> dict[str, Any]:
    """Running contracts that end in a span of time."""
    return {"status": RUNS, "end_date": {"$gt": ending.after, "$lte": ending.until}}


def of_topic(topic: str) -> dict[str, Any]:
    """Documents of a topic's partitions: their ids are `topic/partition`, and `0` comes next after `/`."""
    return {"_id": {"$gte": f"{topic}/", "$lt": f"{topic}0"}}
