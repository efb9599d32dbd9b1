"""Two catalogues compared: from when on they would decide differently."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from consumer.domain.dates import iso

if TYPE_CHECKING:
    from datetime import datetime

    from consumer.domain.catalogue import Catalogue


class Difference(NamedTuple):
    """A version that two catalogues do not have in common. From `at` on they decide differently."""

    at: datetime
    number: int
    text: str


def changed_versions(old: Catalogue, new: Catalogue) -> list[Difference]:
    """What is another one in `new`, the earliest first."""
    found = []
    for number in {each.number for each in (*old.versions, *new.versions)}:
        before, after = old.named(number), new.named(number)
        if before != after:
            text = "is new" if before is None else "is missing" if after is None else "is another one"
            at = min(each.effective_from for each in (before, after) if each)
            found.append(Difference(at, number, text))
    return sorted(found)


def rewritten(old: Catalogue, new: Catalogue, decided_until: datetime) -> str | None:
    """Why commands decided until a time would be decided differently by `new`; None: they would not."""
    for version in old.versions:
        if version.effective_from <= decided_until and new.named(version.number) != version:
            wrong = "is changed" if new.named(version.number) else "is missing"
            return (
                f"version {version.number} {wrong}, and commands are decided by it: put it back as it was, "
                "and add a new version"
            )
    for version in new.versions:
        if version.effective_from <= decided_until and old.named(version.number) != version:
            since, until = iso(version.effective_from), iso(decided_until)
            return (
                f"version {version.number} would be in force from {since}, and commands are decided without "
                f"it until {until}: give it a later effective_from"
            )
    return None
