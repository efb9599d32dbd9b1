"""What one command publishes. Deterministic: the same command at the same offset gives the same bytes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple, assert_never

from orjson import Fragment

from consumer.domain.model import Changed, Expiring, LimitReached, RenewalNotice
from consumer.engine.output_data import changed_data
from consumer.kafka.recordbatches import Output
from schemas.contract import to_json
from schemas.events import STATE
from schemas.views import visible

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from consumer.domain.model import Event
    from consumer.engine.records import Incoming
    from schemas.cloudevents import CausedHeaders
    from schemas.contract import Contract
    from schemas.events import ChangedField

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_NAMES: Final = {
    Changed: "changed",
    Expiring: "expiring",
    RenewalNotice: "renewal_notice",
    LimitReached: "limit_reached",
}


class Target(NamedTuple):
    """The partition for outputs of a kind."""

    topic: str
    partition: int


class CommandOutputs:
    """The outputs of one command, to be made in their order: its events, the state, its result."""

    __slots__ = (
        "_cause",
        "_headers",
        "_key",
        "_last",
        "_now",
        "_ordinal",
        "_state",
        "_targets",
        "_timestamp",
    )

    def __init__(
        self,
        targets: Mapping[str, Target],
        key: bytes | None,
        timestamp: int,
        headers: CausedHeaders,
        cause: Incoming,
        now: datetime,
        state: bool,  # noqa: FBT001
    ) -> None:
        self._state = state
        self._last: _LastState | None = None
        self._targets = targets
        self._key = key
        self._timestamp = timestamp
        self._headers = headers
        self._cause = cause
        self._now = now
        self._ordinal = 0

    def event(self, event: Event, fields: Sequence[ChangedField]) -> Output:
        """The next event; `fields` are those that it changed."""
        match event:
            case Changed():
                contract: Any = visible(event.contract)
                if self._state:  # its JSON is the larger part of both records
                    contract = Fragment(to_json(contract))
                    left = None if event.change == "deleted" else contract
                    self._last = _LastState(left, event.version, self._ordinal)
                return self._next("changed", changed_data(event, contract, fields, self._cause, self._now))
            case Expiring(notice):
                return self._next("expiring", notice)
            case RenewalNotice(notice):
                return self._next("renewal_notice", notice)
            case LimitReached(notice):
                return self._next("limit_reached", notice)
            case _:
                assert_never(event)

    def state(self, published_state: Sequence[Contract | None] = ()) -> Output | None:
        """What the contract has become, after the command's last event; None when nothing changed it.

        `published_state`: the current contract, if it is to be published even then.

        One for each command that changes a contract, not one for each batch: where a batch ends is
        chance, and a replay has to give the same records.
        """
        last = self._last
        if last is None and self._state and published_state:
            last = _stored_state(*published_state)
        if last is None:
            return None
        contract, version, ordinal = last
        headers = self._headers.of(STATE.name, ordinal)
        data = {"contract": contract, "version": version, "position": self._headers.sequence(ordinal)}
        value = None if contract is None else to_json(data)
        return Output(*self._targets[STATE.name], self._key, value, headers, self._timestamp)

    def result(self, result: dict[str, Any]) -> Output:
        """The result of the command."""
        return self._next("command_result", result)

    def _next(self, name: str, data: Any) -> Output:
        topic, partition = self._targets[name]
        headers = self._headers.of(name, self._ordinal)
        self._ordinal += 1
        return Output(topic, partition, self._key, to_json(data), headers, self._timestamp)


class _LastState(NamedTuple):
    """What a command left: the contract as JSON, its version, the last change's index among the events."""

    contract: Fragment | None
    version: int | None
    ordinal: int


def _stored_state(contract: Contract | None) -> _LastState:
    if contract is None:
        return _LastState(None, None, 0)
    return _LastState(Fragment(to_json(visible(contract))), contract["version"], 0)


def milliseconds(moment: datetime) -> int:
    """Milliseconds since 1970, exactly: the conversion through a float sometimes loses one."""
    return (moment - _EPOCH) // _MILLISECOND


def event_name(event: Event) -> str:
    """The event's name in the table of events."""
    return _NAMES[type(event)]
