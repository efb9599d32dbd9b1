"""MongoDB's state against the expected one: every contract, every history entry, the positions."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC
from typing import Any
from urllib.parse import unquote
from zlib import crc32

from bson import Decimal128, ObjectId
from bson.codec_options import CodecOptions

from devstack.proof.model import Model
from devstack.proof.records import LogRecord, State
from devstack.proof.verdict import Verdict, first_difference

READ_AS: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True, tzinfo=UTC)


def compare_state(model: Model, state: State, ends: Mapping[int, int], topic: str, verdict: Verdict) -> None:
    """`ends`: where each partition of the log ends for a read_committed consumer."""
    _compare_documents(
        "contracts", model.stored.contracts, state.contracts, lambda stored: stored["account_id"], verdict
    )
    _compare_documents(
        "former_contracts", model.stored.former, state.former, lambda stored: stored["contract_id"], verdict
    )
    history = {
        identity: _without_nothing(entry._asdict()) for identity, entry in model.stored.history.items()
    }
    entries = [_entry(stored) for stored in state.history]
    _compare_documents("history", history, entries, lambda stored: stored["_id"], verdict)
    _compare_positions(model, state, ends, topic, verdict)
    _compare_movements(model, state, verdict)


def _compare_movements(model: Model, state: State, verdict: Verdict) -> None:
    key = ("partition", "day", "contract_type", "currency")
    stored = {
        tuple(document[name] for name in key): {
            part: _domain(document[part]) for part in ("amounts", "times")
        }
        for document in state.movements
    }
    if difference := first_difference(model.revenue.stored(), stored):
        path, here, stands = difference
        verdict.add("diverged", f"movements {path}", "", expected=here, found=stands)


def _compare_documents(
    collection: str,
    expected: Mapping[Any, dict[str, Any]],
    stored: Iterable[dict[str, Any]],
    key_of: Callable[[dict[str, Any]], Any],
    verdict: Verdict,
) -> None:
    there: set[Any] = set()
    for document in map(_domain, stored):
        key = key_of(document)
        where, account = f"{collection} {key!r}", document.get("account_id", "")
        wanted = expected.get(key)
        if key in there:
            verdict.add("duplicated", where, account, expected="one document", found=document)
        elif wanted is None:
            verdict.add("diverged", where, account, expected=None, found=document)
        elif difference := first_difference({"_id": document["_id"]} | wanted, document):
            path, here, stands = difference
            verdict.add("diverged", f"{where} {path}", account, expected=here, found=stands)
        there.add(key)
    for key, document in expected.items():
        if key not in there:
            account = document.get("account_id", "")
            verdict.add("lost", f"{collection} {key!r}", account, expected=document, found=None)


def _domain(value: Any) -> Any:
    """A stored value as the domain has it."""
    match value:
        case Decimal128():
            return value.to_decimal()
        case ObjectId():
            return value.binary
        case dict():
            return {name: _metadata(name, inner) for name, inner in value.items()}
        case list():
            return [_domain(inner) for inner in value]
        case _:
            return value


def _metadata(name: str, value: Any) -> Any:
    if name == "metadata":  # the only place where callers choose the keys: stored percent-encoded
        return {unquote(key): text for key, text in value.items()}
    return _domain(value)


def _entry(stored: dict[str, Any]) -> dict[str, Any]:
    return {**stored, "_id": bytes(stored["_id"])}


def _without_nothing(entry: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if value is not None}


def _compare_positions(
    model: Model, state: State, ends: Mapping[int, int], topic: str, verdict: Verdict
) -> None:
    stored = {position["_id"]: position for position in state.positions}
    for partition, last in model.last.items():
        where = f"positions {topic}/{partition}"
        position = stored.get(f"{topic}/{partition}")
        if position is None:
            verdict.add("lost", where, "", expected=last.place, found=None)
            continue
        reached, published = position["next"], state.published.get(partition)
        # Markers of transactions may follow the last record: the position lies somewhere among them.
        if not last.offset < reached <= ends[partition] or published != reached:
            found = {"position": reached, "published": published}
            verdict.add("diverged", where, "", expected=(last.offset + 1, ends[partition]), found=found)
        if position["last"] != (remembered := _remembered(last)):
            verdict.add("diverged", f"{where} last", "", expected=remembered, found=position["last"])
        chained = position.get("chain") or {"number": 0, "head": bytes(32)}
        head = chained["number"], bytes(chained["head"])
        if head != (wanted := model.chains.heads.get(partition, (0, bytes(32)))):
            verdict.add("diverged", f"{where} chain", "", expected=wanted, found=head)
        tallies = {label: tally for label, tally in _domain(position["tallies"]).items() if tally}
        counted = {label: tally for label, tally in model.stored.tallies[partition].items() if tally}
        if tallies != counted:
            verdict.add("diverged", f"{where} tallies", "", expected=counted, found=tallies)


def _remembered(last: LogRecord) -> dict[str, int]:
    key, value = (last.key, last.value) if last.readable else (None, None)
    checksum = crc32(value or b"", crc32(key or b""))
    return {"offset": last.offset, "timestamp": last.timestamp, "checksum": checksum}
