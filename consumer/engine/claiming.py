"""Claims partitions in the journal, and reads its end when no other worker can write there unnoticed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from consumer.kafka.journal_entries import Claim, journal_batch, milliseconds_now
from consumer.kafka.journal_tail import Hidden

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from consumer.kafka.journal import Journal
    from consumer.kafka.journal_tail import End
    from consumer.kafka.publisher import Publisher

log = structlog.get_logger()


async def last_words(
    publisher: Publisher, journal: Journal, worker: str, partitions: Iterable[int], beat: Callable[[], None]
) -> dict[int, End]:
    """Claims the partitions until no other worker must be fenced and each claim is the last record.

    A claim proves that the true leader answered: it is committed, and read again from the journal. Each
    worker found in the tail is fenced, and the tail is read again after a new claim. A partition of which the
    end cannot be read is not claimed again.

    `publisher` is started, and of this worker. `beat` is called after each step.

    Raises:
        LogError: try again later.
    """
    left = sorted(partitions)
    tails: dict[int, End] = {}
    fenced: set[str] = set()
    claimed: dict[int, int] = {}
    while left:
        now = milliseconds_now()
        claims = [journal_batch(journal.topic, number, Claim(worker), now) for number in left]
        offsets = dict(zip(left, await publisher.publish(claims), strict=True))
        beat()
        found = await journal.read_back(offsets, worker)
        beat()
        rivals = {n: _rivals(tail, fenced, claimed.get(n, -1)) for n, tail in found.items()}
        if to_fence := set().union(*rivals.values()):
            log.info("ending the transactions of other workers", workers=sorted(to_fence))
            await publisher.fence(to_fence)
            beat()
        tails |= found
        claimed |= offsets
        fenced |= to_fence
        left = [n for n, end in found.items() if rivals[n] or not _is_known(end)]
    return tails


def _is_known(end: End) -> bool:
    """Whether to claim the partition again would tell nothing new."""
    return isinstance(end, Hidden) or end.is_last or end.problem is not None


def _rivals(end: End, fenced: Collection[str], claimed: int) -> set[str]:
    """The workers to fence. One that was fenced before is fenced again only if it wrote after that."""
    if isinstance(end, Hidden):
        return set()
    return {name for name, offset in end.rivals.items() if name not in fenced or offset > claimed}
