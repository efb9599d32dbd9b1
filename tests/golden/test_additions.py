"""What later versions add to `changed` is added, and nothing else: without it, the old bytes are back.

The digest is of the `changed` events that were recorded before the first of these fields was there. Those of
commands that were put to the log's end since then come behind them.
"""

from __future__ import annotations

from collections import defaultdict
from hashlib import sha256

import orjson

from tests.golden.files import MADE

ADDED = ("proration", "recurring")
ADDED_TO_SCHEDULED = ("change_id", "from_term")
BEFORE = {
    0: (41, "a51cd233bbb4a70c998cc9f6f65ebc9a29010055c4e1bb88c07711e5674e6389"),
    1: (68, "b3aae018eb2f44645c67492a9d56a2a701971f837aeba7398c8ed7194b23ce46"),
}
"""How many events a partition had, and the digest of their lines."""


def _changed() -> dict[int, list[dict]]:
    """The events of each partition, in order."""
    found = defaultdict(list)
    for made in map(orjson.loads, MADE.read_bytes().splitlines()):
        if made.get("topic") == "contracts.changed":
            found[made["partition"]].append(made)
    return found


def _as_it_was(made: dict) -> bytes:
    data = orjson.loads(made["value"])
    kept = {name: value for name, value in data.items() if name not in ADDED}
    kept["contract"] |= {"scheduled_changes": [*map(_scheduled, kept["contract"]["scheduled_changes"])]}
    kept["changed_fields"] = [_difference(each) for each in kept["changed_fields"]]
    return orjson.dumps(made | {"value": orjson.dumps(kept).decode()}) + b"\n"


def _difference(field: dict) -> dict:
    if field["path"] != "/scheduled_changes":
        return field
    return field | {side: [*map(_scheduled, field[side])] for side in ("before", "after") if side in field}


def _scheduled(change: dict) -> dict:
    return {name: value for name, value in change.items() if name not in ADDED_TO_SCHEDULED}


def test_without_what_was_added_the_old_bytes_are_back():
    for partition, (count, digest) in BEFORE.items():
        lines = b"".join(map(_as_it_was, _changed()[partition][:count]))
        assert sha256(lines).hexdigest() == digest


def test_each_of_them_is_there():
    told = [orjson.loads(made["value"]).keys() for events in _changed().values() for made in events]
    assert all("recurring" in names for names in told)
    assert 0 < sum("proration" in names for names in told) < len(told)
