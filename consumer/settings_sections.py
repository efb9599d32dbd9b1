"""The tables of settings: a class is a table in docs/reference/settings.md, its docstring introduces it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode

from consumer.domain.model import DEFAULT_THRESHOLDS

Milliseconds = Annotated[int, Field(ge=1, le=86_400_000)]
Bytes = Annotated[int, Field(ge=1024, le=(1 << 31) - 1)]
Count = Annotated[int, Field(ge=1, le=1_000_000_000)]


def _split_commas(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


NoticeDays = Annotated[
    tuple[Annotated[int, Field(ge=1, le=3650)], ...],
    NoDecode,
    BeforeValidator(_split_commas),
    Field(max_length=20),
]

Thresholds = Annotated[
    tuple[Annotated[int, Field(ge=1, le=1000)], ...],
    NoDecode,
    BeforeValidator(_split_commas),
    Field(max_length=20),
]


class KafkaSettings(BaseModel):
    """How Kafka is reached."""

    kafka_bootstrap_servers: str = Field(
        "localhost:9092", min_length=1, description="host:port, several with commas"
    )
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="encryption and log-in"
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] = Field(
        "SCRAM-SHA-512", description="how to log in with a SASL_… protocol"
    )
    kafka_sasl_username: str | None = Field(None, description="user to log in as")
    kafka_sasl_password: SecretStr | None = Field(None, description="password of that user")
    kafka_sasl_token_provider: str | None = Field(
        None,
        pattern=r"^[\w.]+:\w+$",
        description="`module:function`, a coroutine function that returns a token for OAUTHBEARER",
    )
    kafka_ssl_cafile: str | None = Field(
        None, description="PEM file of trusted authorities; default: the system's"
    )
    kafka_ssl_certfile: str | None = Field(None, description="PEM file of the client's certificate")
    kafka_ssl_keyfile: str | None = Field(None, description="PEM file of the client's private key")
    kafka_ssl_keypassword: SecretStr | None = Field(None, description="password of the private key")
    kafka_client_id: str = Field(
        "contracts", min_length=1, description="name shown in the broker's logs and quotas"
    )
    kafka_request_timeout_ms: Milliseconds = Field(40_000, description="when a request counts as failed")


class MongoSettings(BaseModel):
    """How MongoDB is reached."""

    mongo_uri: SecretStr = Field(
        SecretStr("mongodb://localhost:27017"),
        description="connection string; never logged, as it may hold a password",
    )
    mongo_driver: Literal["motor", "pymongo"] = Field(
        "motor", description="whose client is used: motor's, or PyMongo's own for asyncio"
    )
    mongo_database: str = Field(
        "contracts", pattern=r"^[^/\\. \"$*<>:|?\x00]{1,63}$", description="database name"
    )
    mongo_max_pool_size: Count = Field(20, description="connections per process, readers included")
    mongo_read_preference: Literal[
        "primary", "primaryPreferred", "secondary", "secondaryPreferred", "nearest"
    ] = Field("primary", description="where queries read; the pipeline always reads the primary")
    mongo_timeout_ms: Milliseconds = Field(
        10_000, description="when an operation, election included, counts as failed"
    )
    history_retention_days: Annotated[int, Field(ge=1, le=36_500)] | None = Field(
        None, description="days until history entries keep only identity and outcome; default: never"
    )


class TopicSettings(BaseModel):
    """The topics, and how `contracts topics ensure` creates them."""

    topic_prefix: str = Field(
        "", pattern=r"^[a-zA-Z0-9._-]{0,100}$", description="put before each topic name as it is"
    )
    partitioner: Literal["murmur2", "crc32"] = Field(
        "murmur2",
        description="which partition is a key's home; crc32 for fleets that use only librdkafka's default",
    )
    topic_partitions: Annotated[int, Field(ge=1, le=10_000)] = Field(
        12, description="partitions of each new topic"
    )
    topic_replication_factor: Annotated[int, Field(ge=1, le=100)] = Field(
        3, description="copies of each new topic"
    )
    topic_min_insync_replicas: Annotated[int, Field(ge=1, le=100)] = Field(
        2, description="copies that must have a record before it counts; capped at the replication factor"
    )
    topic_output_retention_days: Annotated[int, Field(ge=1, le=36_500)] = Field(
        30, description="how long new output topics keep records; commands are kept for ever"
    )


class PipelineSettings(BaseModel):
    """Consuming: the group, its patience, and the size of a batch."""

    group_id: str = Field("contracts", min_length=1, max_length=200, description="consumer group")
    group_instance_id: str | None = Field(
        None, max_length=200, description="static membership: one name per replica"
    )
    session_timeout_ms: Milliseconds = Field(
        30_000, description="silence after which Kafka replaces this member"
    )
    heartbeat_interval_ms: Milliseconds = Field(3_000, description="pause between signs of life")
    max_poll_interval_ms: Milliseconds = Field(
        300_000, description="who stands still for longer leaves the group"
    )
    rebalance_timeout_ms: Milliseconds = Field(
        60_000, description="time to finish work when partitions are taken away"
    )
    transaction_timeout_ms: Milliseconds = Field(
        60_000, description="when the broker aborts an open transaction"
    )
    max_command_bytes: Bytes = Field(262_144, description="larger commands are dead letters (`malformed`)")
    max_batch_commands: Count = Field(1_000, description="commands in one MongoDB transaction")
    max_batch_bytes: Bytes = Field(4 << 20, description="bytes of what one batch publishes")
    max_fetch_bytes: Bytes = Field(2 << 20, description="bytes fetched at once from one partition")
    max_cache_bytes: Bytes = Field(
        64 << 20, description="memory for the contracts touched last, in all partitions of a process"
    )
    compression: Literal["lz4", "zstd", "snappy", "gzip", "none"] = Field(
        "zstd", description="of what is published"
    )
    dead_letter_limit_share: Annotated[float, Field(gt=0, le=1)] = Field(
        0.5, description="share of dead letters above which a partition pauses"
    )
    dead_letter_limit_count: Count = Field(100, description="…and how many there must be at least")
    dead_letter_limit_window: Count = Field(1_000, description="…among this many records")
    dead_letter_limit_off: bool = Field(
        default=False, description="never pause: set it once to get past a flood"
    )


class DomainSettings(BaseModel):
    """Defaults of new contracts: a contract keeps what it was created with."""

    notice_days: NoticeDays = Field(
        (90, 60, 30, 14, 7, 1), description="days before the end that are noticed"
    )
    renewal_window_days: Annotated[int, Field(ge=0, le=3650)] = Field(
        30, description="days before the end when a contract becomes `pending_renewal`"
    )
    renewal_grace_days: Annotated[int, Field(ge=0, le=3650)] = Field(
        30, description="days after the end in which `renew` is still accepted"
    )
    usage_thresholds: Thresholds = Field(
        DEFAULT_THRESHOLDS, description="per cent of a limit at which `limit_reached` tells of usage"
    )
    scan_interval_seconds: Annotated[float, Field(gt=0, le=86_400)] = Field(
        60, description="pause between two looks for contracts with something due"
    )
    scan_max_waiting: Count = Field(
        2_000, description="commands waiting in a partition above which the scanner adds none"
    )


class OperationSettings(BaseModel):
    """HTTP, readiness and logs."""

    http_host: str = Field("127.0.0.1", min_length=1, description="address to listen on; 0.0.0.0 for all")
    http_port: Annotated[int, Field(ge=0, le=65_535)] = Field(8080, description="port; 0 takes a free one")
    http_bearer_token: SecretStr | None = Field(
        None, description="asked of whoever wants more than the bare status"
    )
    max_lag_records: Count | None = Field(None, description="not ready above this many waiting commands")
    max_lag_seconds: Annotated[float, Field(gt=0)] | None = Field(
        None, description="not ready when the oldest waiting command is older"
    )
    result_timeout_seconds: Annotated[float, Field(gt=0, le=3_600)] = Field(
        30, description="how long a writer waits for the result of a command"
    )
    command_source: Annotated[str, Field(min_length=1, max_length=128)] = Field(
        "/contracts/client", description="`ce_source` of commands published from here: a URI reference"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="least level logged")
    log_format: Literal["auto", "json", "console"] = Field(
        "auto", description="auto: console on a terminal, else json"
    )


class ApiSettings(BaseModel):
    """The HTTP API, on a port of its own."""

    api_host: str = Field("127.0.0.1", min_length=1, description="address to listen on; 0.0.0.0 for all")
    api_port: Annotated[int, Field(ge=0, le=65_535)] = Field(8081, description="port; 0 takes a free one")
    api_with_run: bool = Field(default=False, description="`contracts run` serves the API, too")
    api_tokens_path: str | None = Field(
        None, description="file of tokens: lines that `contracts tokens new` makes"
    )
    api_requests_per_second: Annotated[float, Field(gt=0, le=100_000)] = Field(
        50, description="of one token; twice as many at once after a pause"
    )
    api_max_wait_seconds: Annotated[float, Field(gt=0, le=600)] = Field(
        30, description="how long a request may wait for a result or for a position"
    )


SECTIONS: tuple[type[BaseModel], ...] = (
    KafkaSettings,
    MongoSettings,
    TopicSettings,
    PipelineSettings,
    DomainSettings,
    OperationSettings,
    ApiSettings,
)
"""The tables of the reference, in order."""
