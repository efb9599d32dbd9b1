"""All settings. Each class is a table in docs/reference/settings.md, with its docstring as heading."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode

from consumer.addresses import cache_mistake, issuer_mistake
from consumer.domain.model import DEFAULT_THRESHOLDS
from consumer.settings_sources import FORM

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


def _as_issuer(url: str) -> str:
    if why := issuer_mistake(url):
        raise ValueError(why)
    return url


IssuerUrl = Annotated[str, AfterValidator(_as_issuer)]


def _as_cache(url: SecretStr) -> SecretStr:
    if why := cache_mistake(url.get_secret_value()):
        raise ValueError(why)
    return url


CacheUrl = Annotated[SecretStr, AfterValidator(_as_cache)]


def _split_pairs(value: object) -> object:
    listed = _split_commas(value)
    if not isinstance(value, str) or not isinstance(listed, list):
        return value
    if wrong := [part for part in listed if part.count("=") != 1]:
        raise ValueError(f"must be NAME=ROLE, separated by commas, not {wrong[0]!r}")
    return {name.strip(): role.strip() for name, role in (part.split("=") for part in listed)}


RoleNames = Annotated[
    dict[str, Literal["reader", "publisher", "operator", "personal"]], NoDecode, BeforeValidator(_split_pairs)
]

Thresholds = Annotated[
    tuple[Annotated[int, Field(ge=1, le=1000)], ...],
    NoDecode,
    BeforeValidator(_split_commas),
    Field(max_length=20),
]


class KafkaSettings(BaseModel):
    """Connection to Kafka."""

    kafka_bootstrap_servers: str = Field(
        "localhost:9092", min_length=1, description="addresses of the brokers: host:port, separated by commas"
    )
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT",
        description="protocol of the connection: TLS (SSL), authentication (SASL), both or neither",
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] = Field(
        "SCRAM-SHA-512", description="authentication mechanism; used with a SASL_… protocol only"
    )
    kafka_sasl_username: str | None = Field(None, description="user name for SASL")
    kafka_sasl_password: SecretStr | None = Field(None, description="password for SASL")
    kafka_sasl_token_provider: str | None = Field(
        None,
        pattern=r"^[\w.]+:\w+$",
        json_schema_extra={FORM: "module:function"},
        description="`module:function` of a coroutine function that returns the token for OAUTHBEARER",
    )
    kafka_ssl_cafile: str | None = Field(
        None, description="PEM file of trusted certificate authorities; default: those of the system"
    )
    kafka_ssl_certfile: str | None = Field(None, description="PEM file of the client certificate")
    kafka_ssl_keyfile: str | None = Field(None, description="PEM file of the client's private key")
    kafka_ssl_keypassword: SecretStr | None = Field(None, description="password of the private key")
    kafka_client_id: str = Field(
        "contracts", min_length=1, description="client id, as shown in the brokers' logs and used for quotas"
    )
    kafka_request_timeout_ms: Milliseconds = Field(
        40_000, description="time after which a request without an answer has failed"
    )


class MongoSettings(BaseModel):
    """Connection to MongoDB, cache, history."""

    mongo_uri: SecretStr = Field(
        SecretStr("mongodb://localhost:27017"),
        description="connection string; never logged, because it may contain a password",
    )
    mongo_driver: Literal["motor", "pymongo"] = Field(
        "motor", description="client library: motor, or the asyncio client of PyMongo"
    )
    mongo_database: str = Field(
        "contracts",
        pattern=r"^[^/\\. \"$*<>:|?\x00]{1,63}$",
        json_schema_extra={FORM: 'a name of 1 to 63 characters without spaces and / \\ . " $ * < > : | ?'},
        description="database name",
    )
    mongo_max_pool_size: Count = Field(20, description="maximum number of connections of a process")
    mongo_read_preference: Literal[
        "primary", "primaryPreferred", "secondary", "secondaryPreferred", "nearest"
    ] = Field(
        "primary", description="members that queries read from; the worker always reads from the primary"
    )
    cache_url: CacheUrl | None = Field(
        None,
        description="address of a Redis cache for reads by account: redis://host:6379/0; default: no cache",
    )
    cache_max_age_seconds: Annotated[float, Field(ge=0.1, le=3_600)] = Field(
        5, description="maximum age of an answer from the cache"
    )
    mongo_timeout_ms: Milliseconds = Field(
        10_000, description="time after which an operation has failed, including the wait for an election"
    )
    history_retention_days: Annotated[int, Field(ge=1, le=36_500)] | None = Field(
        None,
        description="days after which a history entry is reduced to identity and outcome; default: never",
    )


class TopicSettings(BaseModel):
    """Topics: their names, and the settings with which `contracts topics ensure` creates them."""

    topic_prefix: str = Field(
        "",
        pattern=r"^[a-zA-Z0-9._-]{0,100}$",
        json_schema_extra={FORM: "at most 100 letters, digits, dots, _ and -"},
        description="prefix of all topic names, without a separator",
    )
    partitioner: Literal["murmur2", "crc32"] = Field(
        "murmur2",
        description="hash that assigns an account to its partition; crc32 only if all producers use "
        "the default of librdkafka",
    )
    topic_partitions: Annotated[int, Field(ge=1, le=10_000)] = Field(
        12, description="number of partitions of a new topic"
    )
    topic_replication_factor: Annotated[int, Field(ge=1, le=100)] = Field(
        3, description="replication factor of a new topic"
    )
    topic_min_insync_replicas: Annotated[int, Field(ge=1, le=100)] = Field(
        2, description="`min.insync.replicas` of a new topic; at most the replication factor is used"
    )
    topic_output_retention_days: Annotated[int, Field(ge=1, le=36_500)] = Field(
        30, description="retention of a new output topic; the command topic keeps records forever"
    )


class PipelineSettings(BaseModel):
    """Worker: consumer group, timeouts, size of a batch, dead-letter limit."""

    group_id: str = Field("contracts", min_length=1, max_length=200, description="consumer group")
    group_instance_id: str | None = Field(
        None,
        max_length=200,
        description="`group.instance.id` for static membership: a different value for each instance",
    )
    session_timeout_ms: Milliseconds = Field(
        30_000, description="time without heartbeats after which Kafka removes this member from the group"
    )
    heartbeat_interval_ms: Milliseconds = Field(
        3_000, description="interval of heartbeats to the group coordinator"
    )
    max_poll_interval_ms: Milliseconds = Field(
        300_000, description="maximum time between polls before Kafka removes this member"
    )
    rebalance_timeout_ms: Milliseconds = Field(
        60_000, description="maximum time to finish the current batches when partitions are revoked"
    )
    transaction_timeout_ms: Milliseconds = Field(
        60_000, description="time after which the broker aborts an open transaction"
    )
    max_command_bytes: Bytes = Field(
        262_144, description="maximum size of a command; a larger one becomes a dead letter (`malformed`)"
    )
    max_batch_commands: Count = Field(
        1_000, description="maximum number of commands in one MongoDB transaction"
    )
    max_batch_bytes: Bytes = Field(4 << 20, description="maximum size of the outputs of one batch")
    max_fetch_bytes: Bytes = Field(2 << 20, description="maximum size of one answer to a fetch")
    max_cache_bytes: Bytes = Field(
        64 << 20, description="memory of a process for recently used contracts, over all its partitions"
    )
    compression: Literal["lz4", "zstd", "snappy", "gzip", "none"] = Field(
        "zstd", description="compression of published records"
    )
    publish_state: bool = Field(
        default=True, description="publish each contract to `contracts.state` when a command changed it"
    )
    dead_letter_limit_share: Annotated[float, Field(gt=0, le=1)] = Field(
        0.5, description="share of dead letters above which a partition stops"
    )
    dead_letter_limit_count: Count = Field(
        100, description="number of dead letters above which a partition stops; both limits must be exceeded"
    )
    dead_letter_limit_window: Count = Field(
        1_000, description="number of recent records of the partition in which dead letters are counted"
    )
    dead_letter_limit_off: bool = Field(
        default=False,
        description="do not stop because of dead letters; set it for one start, to skip many invalid records",
    )


class DomainSettings(BaseModel):
    """Scanner, defaults of new contracts, and templates of the plans."""

    notice_days: NoticeDays = Field(
        (90, 60, 30, 14, 7, 1),
        description="notice windows: days before the end of the term at which a notice is sent",
    )
    renewal_window_days: Annotated[int, Field(ge=0, le=3650)] = Field(
        30, description="days before the end of the term at which a contract becomes `pending_renewal`"
    )
    renewal_grace_days: Annotated[int, Field(ge=0, le=3650)] = Field(
        30, description="days after the end of the term in which `renew` is still accepted"
    )
    usage_thresholds: Thresholds = Field(
        DEFAULT_THRESHOLDS,
        description="percentages of a limit: `limit_reached` is published when usage reaches one",
    )
    templates: str | None = Field(
        None,
        min_length=1,
        description="path of the templates file; default: the built-in templates, version 1",
    )
    scan_interval_seconds: Annotated[float, Field(gt=0, le=86_400)] = Field(
        60, description="pause between two scans for due contracts"
    )
    scan_max_waiting: Count = Field(
        2_000, description="lag of a partition, in commands, above which the scanner publishes nothing to it"
    )


class OperationSettings(BaseModel):
    """HTTP, readiness, logs and traces."""

    http_host: str = Field(
        "127.0.0.1", min_length=1, description="address to listen on; 0.0.0.0 for all interfaces"
    )
    http_port: Annotated[int, Field(ge=0, le=65_535)] = Field(
        8080, description="port to listen on; 0 for any free port"
    )
    http_bearer_token: SecretStr | None = Field(
        None, description="bearer token required for metrics and for the details of health checks"
    )
    max_lag_records: Count | None = Field(
        None, description="lag in commands above which `/readyz` fails; default: no limit"
    )
    max_lag_seconds: Annotated[float, Field(gt=0)] | None = Field(
        None, description="lag in seconds above which `/readyz` fails; default: no limit"
    )
    result_timeout_seconds: Annotated[float, Field(gt=0, le=3_600)] = Field(
        30, description="maximum time that a client waits for the result of a command"
    )
    command_source: Annotated[str, Field(min_length=1, max_length=128)] = Field(
        "/contracts/client", description="`ce_source` of published commands: a URI reference"
    )
    traces_sample_ratio: Annotated[float, Field(ge=0, le=1)] | None = Field(
        None,
        description="share of commands that are traced if their sender does not decide it, 0 to 1; needs the "
        "extra `otel`; default: no traces",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="lowest level that is logged"
    )
    log_format: Literal["auto", "json", "console"] = Field(
        "auto", description="format of log lines; auto: console on a terminal, json otherwise"
    )


class ApiSettings(BaseModel):
    """HTTP API. It listens on a separate port."""

    api_host: str = Field(
        "127.0.0.1", min_length=1, description="address to listen on; 0.0.0.0 for all interfaces"
    )
    api_port: Annotated[int, Field(ge=0, le=65_535)] = Field(
        8081, description="port to listen on; 0 for any free port"
    )
    api_with_run: bool = Field(default=False, description="whether `contracts run` also serves the API")
    api_tokens_path: str | None = Field(
        None, description="path of the token file; `contracts tokens new` prints its lines"
    )
    api_oidc_issuer: IssuerUrl | None = Field(
        None,
        description="URL of an OpenID Connect issuer (claim `iss`) whose tokens are accepted",
    )
    api_oidc_audience: str | None = Field(
        None, min_length=1, description="audience (claim `aud`) that a token of the issuer must have"
    )
    api_oidc_roles_claim: str = Field(
        "roles",
        min_length=1,
        description="claim with the roles of a token, or a JSON Pointer to it: /realm_access/roles",
    )
    api_oidc_roles: RoleNames = Field(
        {
            "contracts-reader": "reader",
            "contracts-publisher": "publisher",
            "contracts-operator": "operator",
            "contracts-personal": "personal",
        },
        description="role of this API for each role of the issuer: NAME=ROLE, separated by commas; "
        "`personal` shows personal data",
    )
    api_oidc_client_id: str | None = Field(
        None,
        min_length=1,
        description="client id of the console at the issuer; with it, the sign-in page has a link there",
    )
    api_oidc_client_secret: SecretStr | None = Field(
        None, description="client secret of the console, if the issuer requires one; PKCE is always used"
    )
    api_url: IssuerUrl | None = Field(
        None,
        description="public URL of the API: the issuer sends browsers back there; with https, browsers "
        "send the console's cookies over HTTPS only",
    )
    api_requests_per_second: Annotated[float, Field(gt=0, le=100_000)] = Field(
        50, description="maximum rate of requests with one token; a burst may be twice as large"
    )
    api_max_connections: Annotated[int, Field(ge=10, le=100_000)] = Field(
        1_000,
        description="maximum number of connections; while there are more, requests get 503",
    )
    api_max_wait_seconds: Annotated[float, Field(gt=0, le=600)] = Field(
        30, description="maximum time that a request waits for a result or for a position"
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
