"""What compaction keeps of a journal."""

from tests.protocol.broker import CLAIM, POSITIONS, TOMBSTONE


def compact(log, stable):
    """Keeps the last record of each key, and no tombstone, below the last stable offset."""
    seen = set()
    for offset in range(stable - 1, -1, -1):
        record = log[offset]
        if record is None:
            continue
        key = "position" if record.kind in POSITIONS else (CLAIM, record.value)
        if record.kind is TOMBSTONE:
            log[offset] = None
        elif key in seen and record.gone is None:
            log[offset] = record._replace(gone=stable)
        seen.add(key)
