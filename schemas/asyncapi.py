"""The AsyncAPI 3.0 document: topics, keys, headers, messages and replies, for people and code generators."""

from __future__ import annotations

from typing import Any, Final, get_args

from schemas import topics
from schemas.cloudevents import CONTENT_TYPE, JSON_MEDIA_TYPE, SPEC_VERSION, Envelope, event_headers
from schemas.commands import COMMANDS, COMMANDS_BY_TYPE
from schemas.differences import EXTENSIBLE
from schemas.events import OUTPUTS, DeadLetterCode
from schemas.examples import ACCOUNT_ID, COMMAND_EXAMPLES, COMMAND_ID, EVENT_EXAMPLES
from schemas.headers import (
    COMMAND_HEADERS,
    COMMAND_REQUIRED,
    DEAD_LETTER_HEADERS,
    DEAD_LETTER_OPTIONAL,
    EVENT_HEADERS,
    EVENT_OPTIONAL,
    described,
)
from schemas.identity import command_identity
from schemas.jsonschema import JsonSchema, schemas
from schemas.messages import MessageSpec, schema_uri
from schemas.types import parse_instant

Document = dict[str, Any]

VERSION: Final = "1.0.0"
"""Version of the release: `make release` compares it with pyproject.toml."""

KAFKA_BINDING: Final = "0.5.0"
OUTPUT_RETENTION_MS: Final = 30 * 24 * 60 * 60 * 1000
DEAD_LETTER: Final = "dead_letter"

_DESCRIPTION: Final = """\
Commands change contracts; events say what happened. Both are CloudEvents 1.0 in the Kafka protocol binding.

- Commands may come in binary mode (attributes in `ce_` headers, as shown here) or in structured mode
  (`content-type: application/cloudevents+json`, or no such header). Events are published in binary mode.
- The key of every record is the account id. It decides the partition: murmur2, Kafka's own default.
  librdkafka needs `partitioner=murmur2_random`.
- Topic names take the prefix that the service is configured with.
- Outputs are written in transactions: read them with `isolation.level=read_committed`.
- A command is identified by (key, `ce_source`, `ce_id`): sent again, it changes nothing.
- Unknown fields and values in a command are refused; consumers of events must tolerate them. Values of
  enumerations that are known so far are in `x-extensible-enum`.
"""

_CAUSE: Final = Envelope(COMMAND_ID, "/crm", COMMANDS["update"].type, correlationid="ticket-5120")
_DEAD_LETTER_EXAMPLE: Final = {
    "ce_specversion": SPEC_VERSION,
    "ce_id": _CAUSE.id,
    "ce_source": _CAUSE.source,
    "ce_type": _CAUSE.type,
    "dlq-topic": topics.COMMANDS,
    "dlq-partition": "3",
    "dlq-offset": "2741",
    "dlq-timestamp": "1770116649512",
    "dlq-reason": "schema_violation",
    "dlq-message": "/changes/end_dat unknown field; did you mean `end_date`?",
    "dlq-path": "/changes/end_dat",
}


def asyncapi() -> Document:
    """The whole document."""
    return {
        "asyncapi": "3.0.0",
        "id": "urn:com.easytrade.contract",
        "info": {
            "title": "Contract service",
            "version": VERSION,
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": JSON_MEDIA_TYPE,
        "servers": {
            "local": {"host": "localhost:9092", "protocol": "kafka", "description": "Kafka 4.0 or later"}
        },
        "channels": {_channel_name(spec.name): _channel(spec) for spec in topics.TOPICS.values()},
        "operations": _operations(),
        "components": {"messages": _messages(), "schemas": _components()},
    }


def _channel_name(topic: str) -> str:
    return topic.removeprefix("contracts.")


def _labels_of(topic: str) -> list[str]:
    """The messages of a topic."""
    if topic == topics.COMMANDS:
        return [spec.label for spec in COMMANDS_BY_TYPE.values()]
    return [spec.label for spec in OUTPUTS.values() if spec.topic == topic] or [DEAD_LETTER]


def _channel(spec: topics.TopicSpec) -> Document:
    retention = -1 if spec.direction == "in" else OUTPUT_RETENTION_MS
    kept = {"cleanup.policy": ["delete"], "retention.ms": retention}
    settings = {"cleanup.policy": ["compact"]} if spec.compacted else kept
    return {
        "address": spec.name,
        "description": f"{spec.meaning}; key: {spec.key}",
        "messages": {label: {"$ref": f"#/components/messages/{label}"} for label in _labels_of(spec.name)},
        "bindings": {"kafka": {"topicConfiguration": settings, "bindingVersion": KAFKA_BINDING}},
    }


def _operations() -> Document:
    commands, results = _channel_name(topics.COMMANDS), _channel_name(topics.COMMAND_RESULTS)
    apply = _operation("receive", commands, "applies commands and answers each with a result")
    apply["reply"] = {
        "channel": {"$ref": f"#/channels/{results}"},
        "messages": [
            {"$ref": f"#/channels/{results}/messages/{label}"} for label in _labels_of(topics.COMMAND_RESULTS)
        ],
    }
    sent = {
        f"publish-{name}": _operation("send", name, spec.meaning)
        for spec in topics.TOPICS.values()
        if spec.direction == "out" and (name := _channel_name(spec.name))
    }
    group = {"type": "string", "description": "as configured; contracts by default"}
    apply["bindings"] = {"kafka": {"groupId": group, "bindingVersion": KAFKA_BINDING}}
    return {"apply-commands": apply} | sent


def _operation(action: str, channel: str, summary: str) -> Document:
    return {"action": action, "channel": {"$ref": f"#/channels/{channel}"}, "summary": summary}


def _messages() -> Document:
    commands = {spec.label: _command(spec) for spec in COMMANDS_BY_TYPE.values()}
    events = {spec.label: _event(spec) for spec in OUTPUTS.values()}
    return commands | events | {DEAD_LETTER: _dead_letter()}


def _command(spec: MessageSpec) -> Document:
    fixed = {"ce_specversion": SPEC_VERSION, "ce_type": spec.type, CONTENT_TYPE: JSON_MEDIA_TYPE}
    headers = described(COMMAND_HEADERS, COMMAND_REQUIRED, fixed)
    sent = fixed | {"ce_id": _CAUSE.id, "ce_source": _CAUSE.source, "ce_subject": ACCOUNT_ID}
    examples = [{"headers": sent, "payload": example} for example in COMMAND_EXAMPLES[spec.label]]
    return _message(spec, headers, "$message.header#/ce_id", examples)


def _event(spec: MessageSpec) -> Document:
    fixed = {
        "ce_specversion": SPEC_VERSION,
        "ce_type": spec.type,
        "ce_dataschema": schema_uri(spec.label),
        CONTENT_TYPE: JSON_MEDIA_TYPE,
    }
    required = [name for name in EVENT_HEADERS if name not in EVENT_OPTIONAL]
    headers = described(EVENT_HEADERS, required, fixed)
    examples = [
        {"headers": _headers_of_an_event(spec.name, example), "payload": example}
        for example in EVENT_EXAMPLES[spec.label]
    ]
    return _message(spec, headers, "$message.header#/ce_causationid", examples)


def _headers_of_an_event(name: str, example: Document) -> Document:
    """The headers that the service would write for this example."""
    cause = _CAUSE._replace(id=example.get("command", {"id": COMMAND_ID})["id"])
    written = event_headers(
        name,
        identity=command_identity(ACCOUNT_ID, cause.source, cause.id),
        ordinal=0,
        offset=2741,
        subject=ACCOUNT_ID,
        time=parse_instant(_moment_of(example)),
        cause=cause,
    )
    return {header: value.decode() for header, value in sorted(written)}


def _moment_of(example: Document) -> str:
    moment: str = (
        example.get("occurred_at") or example.get("processed_at") or example["contract"]["updated_at"]
    )
    return moment


def _message(spec: MessageSpec, headers: JsonSchema, correlation: str, examples: list[Document]) -> Document:
    return {
        "name": spec.type,
        "title": spec.label,
        "summary": spec.meaning,
        "contentType": JSON_MEDIA_TYPE,
        "headers": headers,
        "payload": {"$ref": f"#/components/schemas/{spec.label}"},
        "correlationId": {"location": correlation},
        "bindings": {"kafka": _key("the account id", minLength=1, maxLength=128)},
        "examples": examples,
    }


def _dead_letter() -> Document:
    required = [name for name in DEAD_LETTER_HEADERS if name not in DEAD_LETTER_OPTIONAL]
    headers = described(DEAD_LETTER_HEADERS, required, {})
    headers["properties"]["dlq-reason"][EXTENSIBLE] = list(get_args(DeadLetterCode))
    return {
        "name": DEAD_LETTER,
        "title": DEAD_LETTER,
        "summary": "a record that is not a valid command: key, value and headers byte for byte, and why",
        "contentType": "application/octet-stream",
        "headers": headers,
        "bindings": {"kafka": _key("the key of the record, unchanged")},
        "examples": [{"headers": _DEAD_LETTER_EXAMPLE}],
    }


def _key(meaning: str, **limits: int) -> Document:
    return {"key": {"type": "string", "description": meaning, **limits}, "bindingVersion": KAFKA_BINDING}


_NOT_IN_COMPONENTS: Final = {"$schema", "$id", "$defs", "examples"}


def _components() -> Document:
    """Every schema, and its definitions next to it, where AsyncAPI tools look for them.

    A shape that occurs in commands (closed) and in events (open) has two definitions.
    """
    commands = {spec.label for spec in COMMANDS_BY_TYPE.values()}
    found: Document = {}
    for label, schema in schemas().items():
        suffix = "" if label in commands else "-published"
        definitions = {f"{name}{suffix}": body for name, body in schema.get("$defs", {}).items()}
        body = {key: value for key, value in schema.items() if key not in _NOT_IN_COMPONENTS}
        for name, definition in ({label: body} | definitions).items():
            moved = _moved(definition, suffix)
            if found.setdefault(name, moved) != moved:
                raise AssertionError(f"two different definitions of {name}")
    return found


def _moved(schema: Any, suffix: str) -> Any:
    """The schema, with references to the new places of the definitions."""
    if isinstance(schema, list):
        return [_moved(item, suffix) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: f"#/components/schemas/{value.rpartition('/')[2]}{suffix}"
        if key == "$ref"
        else _moved(value, suffix)
        for key, value in schema.items()
    }
