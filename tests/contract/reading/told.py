"""What the events tell of the past: the judge of what is read from history and contracts."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from producers.testkit import PublishedEvent

RUNNING = {"active", "pending_renewal"}


def since_when(changes: Iterable[PublishedEvent]) -> Iterator[tuple[datetime, Any]]:
    """From when on each event's state held: from when it was due, but not before the event before it."""
    since = datetime.min.replace(tzinfo=UTC)
    for event in changes:
        since = max(since, datetime.fromisoformat(event.data["effective_at"]))
        yield since, event.data


def running_at(changes: Iterable[PublishedEvent], moment: datetime) -> int:
    """How many contracts ran; one that was taken over later ran before that, too, from its start on."""
    stories = defaultdict(list)
    for event in changes:
        stories[event.data["contract"]["contract_id"]].append(event)
    return sum(_runs([*since_when(story)], moment) for story in stories.values())


def _runs(story: list[tuple[datetime, Any]], moment: datetime) -> bool:
    data = [data for since, data in story if since <= moment or data is story[0][1]][-1]
    contract = data["contract"]
    began = datetime.fromisoformat(contract["start_date"]) <= moment
    return began and contract["status"] in RUNNING and data["change"] != "deleted"


def happened(changes: Iterable[PublishedEvent], start: datetime, end: datetime) -> Counter[str]:
    """How often each change took effect in a period; a draft that is cancelled is none."""
    counted: Counter[str] = Counter()
    was: dict[str, str] = {}
    for event in changes:
        contract, change = event.data["contract"], event.data["change"]
        before = was.get(contract["contract_id"])
        was[contract["contract_id"]] = contract["status"]
        if start <= datetime.fromisoformat(event.data["effective_at"]) < end:
            counted[change] += change != "cancelled" or before in RUNNING
    return counted
