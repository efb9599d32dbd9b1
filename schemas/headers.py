"""What each header of commands, events and dead letters means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from schemas.cloudevents import CONTENT_TYPE

if TYPE_CHECKING:
    from schemas.jsonschema import JsonSchema

COMMAND_HEADERS: Final[dict[str, str]] = {
    "ce_specversion": "version of CloudEvents",
    "ce_id": "unique among the commands of its source",
    "ce_source": "URI-reference of the producer",
    "ce_type": "name and version of the command",
    "ce_time": "RFC 3339; informative: the service uses the timestamp of the record",
    "ce_subject": "the account id, equal to the key",
    "ce_correlationid": "copied to the events",
    "ce_traceparent": "W3C trace context, passed on to the events",
    "ce_tracestate": "W3C trace context, passed on to the events",
    CONTENT_TYPE: "of the value",
}
COMMAND_REQUIRED: Final = ["ce_specversion", "ce_id", "ce_source", "ce_type"]

EVENT_HEADERS: Final[dict[str, str]] = COMMAND_HEADERS | {
    "ce_id": "a replay of the log gives the same id",
    "ce_source": "URI-reference of the service",
    "ce_type": "name and version of the event",
    "ce_time": "RFC 3339: when it happened",
    "ce_correlationid": "the command's",
    "ce_traceparent": "the command's",
    "ce_tracestate": "the command's",
    "ce_partitionkey": "the account id",
    "ce_causationid": "id of the command",
    "ce_sequence": "text that sorts the events of an account",
    "ce_dataschema": "names the JSON Schema of the value",
}
EVENT_OPTIONAL: Final = {"ce_correlationid", "ce_traceparent", "ce_tracestate"}

DEAD_LETTER_HEADERS: Final[dict[str, str]] = {
    "dlq-topic": "topic that the record was read from",
    "dlq-partition": "partition that the record was read from",
    "dlq-offset": "offset of the record",
    "dlq-timestamp": "timestamp of the record, in milliseconds since 1970",
    "dlq-reason": "code of the reason",
    "dlq-message": "the reason as text",
    "dlq-path": "JSON Pointer of the field at fault, or name of the attribute",
    "dlq-value-bytes": "size of a value that is too large to copy; the command topic has it at `dlq-offset`",
    "dlq-value-sha256": "hash of a value that is too large to copy",
}
DEAD_LETTER_OPTIONAL: Final = {"dlq-value-bytes", "dlq-value-sha256"}


def described(meanings: dict[str, str], required: list[str], fixed: dict[str, str]) -> JsonSchema:
    """The schema of headers. Those in `fixed` have one possible value."""
    properties: dict[str, JsonSchema] = {
        name: {"type": "string", "description": meaning} | ({"const": fixed[name]} if name in fixed else {})
        for name, meaning in meanings.items()
    }
    return {"type": "object", "properties": properties, "required": required}
