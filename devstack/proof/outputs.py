"""The published records against the expected ones: each there, once, the same, and in order."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import orjson
from pydantic import ValidationError

from devstack.proof.expected import Expected
from devstack.proof.model import Model
from devstack.proof.records import LogRecord
from devstack.proof.verdict import Verdict, first_difference
from schemas.events import OUTPUTS

PUBLISHED = {spec.type: spec.adapter.validator for spec in OUTPUTS.values()}
MARK = "contracts-forwarded-from"
Alike = tuple[Expected, int, LogRecord]
"""An expected output, its partition, and the record found, which are the same."""


def compare_outputs(
    expected: Iterable[Expected],
    found: Sequence[LogRecord],
    prefix: str,
    verdict: Verdict,
    *,
    counts: Mapping[str, int] = MappingProxyType({}),
    alike: dict[str, Alike] | None = None,
) -> None:
    """`found` are all records of the output topics, those of a partition in their order.

    `counts`: how many partitions an output topic has, by its name without the prefix; of the others, as
    many as the commands. `alike`: by id, what an earlier comparison found the same; this one adds to it.
    """
    alike = {} if alike is None else alike
    wanted = {each.id: each for each in expected}
    there: dict[str, LogRecord] = {}
    for record in found:
        verdict.outputs += 1
        id_ = _id(record, prefix)
        each = wanted.get(id_)
        account = each.account if each else (record.key or b"").decode(errors="replace")
        if id_ in there:
            verdict.add("duplicated", record.place, account, expected=there[id_].place, found=id_)
        elif each is None:
            verdict.add("diverged", record.place, account, expected="no such record", found=record)
        else:
            there[id_] = record
            partition = each.partition % counts[each.topic] if each.topic in counts else each.partition
            pair = (each, partition, record)
            if alike.get(id_) != pair and _compare_content(each, partition, record, prefix, verdict):
                alike[id_] = pair
    for each in wanted.values():
        if each.id not in there:
            verdict.add("lost", f"{each.topic}/{each.partition}", each.account, expected=each, found=None)
    _compare_order([each for each in wanted.values() if each.id in there], there, verdict)


def _id(record: LogRecord, prefix: str) -> str:
    if record.topic == f"{prefix}contracts.dead-letters":
        place = [record.header(f"dlq-{part}") for part in ("topic", "partition", "offset")]
        # With the time: after the topic is created again, the same offsets occur once more.
        return f"dead letter {'/'.join(map(str, place))}@{record.header('dlq-timestamp')}"
    return record.header("ce_id") or "<no ce_id>"


def _compare_content(
    each: Expected, partition: int, record: LogRecord, prefix: str, verdict: Verdict
) -> bool:
    """Whether they are the same. If not, the verdict has it."""
    is_letter = each.topic == "contracts.dead-letters"
    content = {"topic": prefix + each.topic, "partition": partition, "key": each.key, "data": each.data}
    found = {"topic": record.topic, "partition": record.partition, "key": record.key}
    found["data"] = record.value if is_letter or each.data is None else _json(record.value)
    headers = {name: _text(value) for name, value in record.headers}
    content["headers"] = {name: value for name, value in each.headers.items() if is_letter or value}
    # Of events further headers are allowed; a dead letter has the record's own and the reason.
    found["headers"] = headers if is_letter else {name: headers.get(name) for name in content["headers"]}
    if difference := first_difference(content, found):
        path, wanted, is_there = difference
        verdict.add("diverged", f"{record.place} {path}", each.account, expected=wanted, found=is_there)
        return False
    return is_letter or _compare_schema(each, record, verdict)


def _compare_schema(each: Expected, record: LogRecord, verdict: Verdict) -> bool:
    """The model may err as the service does: what readers rely on is the published schema."""
    try:
        schema = PUBLISHED[record.header("ce_type") or ""]
        if each.data is not None:
            schema.validate_json(record.value or b"", strict=True)
    except (KeyError, ValidationError) as error:
        verdict.add("diverged", record.place, each.account, expected="data as published", found=str(error))
        return False
    return True


def _json(value: bytes | None) -> Any:
    try:
        return orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return value


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("utf-8", "surrogateescape")


def _compare_order(present: list[Expected], there: dict[str, LogRecord], verdict: Verdict) -> None:
    """Within a topic and account, of what comes from one partition of the commands.

    A record that stays outside its account's home has its result there, which may share an output partition.
    """
    queues: dict[tuple[str, str, int], list[Expected]] = {}
    for each in present:
        queues.setdefault((each.topic, each.account, each.partition), []).append(each)
    for queue in queues.values():
        for before, after in pairwise(queue):
            earlier, later = there[before.id], there[after.id]
            if earlier.partition == later.partition and earlier.offset > later.offset:
                verdict.add(
                    "reordered",
                    later.place,
                    after.account,
                    expected=f"{after.id} after {before.id}",
                    found=f"{after.id} before {before.id} at {earlier.place}",
                )


def compare_forwards(model: Model, verdict: Verdict) -> None:
    """Each misplaced record stands at its home once, unchanged, in the order in which it was found."""
    there: dict[str, LogRecord] = {}
    for record in model.forwarded:
        origin = record.header(MARK) or ""
        account = (record.key or b"").decode(errors="replace")
        if origin in there:
            verdict.add("duplicated", record.place, account, expected=there[origin].place, found=origin)
        elif origin not in model.misplaced:
            verdict.add("diverged", record.place, account, expected="not forwarded", found=origin)
        else:
            there[origin] = record
    lanes: dict[tuple[int, int], LogRecord] = {}
    for place, (source, home) in model.misplaced.items():
        account = (source.key or b"").decode()
        arrived = there.get(place)
        if arrived is None:
            verdict.add("lost", f"forward of {place} to {home}", account, expected=source, found=None)
            continue
        headers = [header for header in arrived.headers if header[0] != MARK]
        moved = (arrived.partition, arrived.key, arrived.value, headers)
        if moved != (home, source.key, source.value, source.headers):
            verdict.add("diverged", arrived.place, account, expected=source, found=arrived)
        before = lanes.get((source.partition, home))
        if before is not None and before.offset > arrived.offset:
            verdict.add("reordered", arrived.place, account, expected=f"after {before.place}", found=place)
        lanes[source.partition, home] = arrived
