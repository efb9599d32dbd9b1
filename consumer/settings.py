"""All settings. `CONTRACTS_HTTP_PORT=9000` in the environment sets `http_port`.

`CONTRACTS_MONGO_URI_FILE=/path` reads the value from a file, and so does a file `contracts_mongo_uri`
in the directory CONTRACTS_SECRETS_DIR (default /run/secrets). The settings are declared in
settings_sections.py; this module joins them, and checks rules across settings.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from pydantic import SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from consumer.addresses import kafka_mistake, mongo_mistake
from consumer.domain.model import Policy
from consumer.settings_sections import (
    ApiSettings,
    DomainSettings,
    KafkaSettings,
    MongoSettings,
    OperationSettings,
    PipelineSettings,
    TopicSettings,
)
from consumer.settings_sources import ENV_PREFIX, FileVariants, hide_credentials, load
from consumer.template_file import load_catalogue
from schemas.uri import is_uri_reference

if TYPE_CHECKING:
    from consumer.domain.catalogue import Catalogue


class Settings(
    ApiSettings,
    OperationSettings,
    DomainSettings,
    PipelineSettings,
    TopicSettings,
    MongoSettings,
    KafkaSettings,
    BaseSettings,
):
    """All settings, frozen. Use `load_settings`: it reports mistakes in readable lines."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        validate_default=True,
    )

    @field_validator("mongo_uri")
    @classmethod
    def _is_a_mongo_uri(cls, uri: SecretStr) -> SecretStr:
        if why := mongo_mistake(uri.get_secret_value()):
            raise ValueError(why)
        return uri

    @field_validator("kafka_bootstrap_servers")
    @classmethod
    def _are_addresses(cls, servers: str) -> str:
        if why := kafka_mistake(servers):
            raise ValueError(why)
        return servers

    @field_validator("command_source")
    @classmethod
    def _is_a_uri_reference(cls, source: str) -> str:
        if not is_uri_reference(source):
            raise ValueError("must be a URI reference, such as /billing")
        return source

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if contradictions := [message for wrong, message in _rules(self) if wrong]:
            raise ValueError("\n".join(contradictions))
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - no .env: an operator must see every source
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - FileVariants reads the directory too
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order of precedence: arguments, environment, files."""
        return init_settings, env_settings, FileVariants(settings_cls)

    @cached_property
    def catalogue(self) -> Catalogue:
        """The templates of the plans, read once: a file that changes meanwhile changes nothing.

        Raises:
            TemplatesRefused: the templates file cannot be used.
        """
        return load_catalogue(self.templates)

    @property
    def policy(self) -> Policy:
        """The defaults of new contracts, and the templates of the plans.

        Raises:
            TemplatesRefused: the templates file cannot be used.
        """
        return Policy(
            self.renewal_window_days,
            self.renewal_grace_days,
            self.notice_days,
            self.usage_thresholds,
            self.catalogue,
        )

    @property
    def mongo_address(self) -> str:
        """The connection string without user and password, for logs and errors."""
        return hide_credentials(self.mongo_uri.get_secret_value())


def _rules(settings: Settings) -> tuple[tuple[bool, str], ...]:
    """Rules across settings: whether each is broken, and what to say."""
    protocol = settings.kafka_security_protocol
    with_token = protocol.startswith("SASL") and settings.kafka_sasl_mechanism == "OAUTHBEARER"
    with_password = protocol.startswith("SASL") and not with_token
    ignoring = "OAUTHBEARER" if with_token else protocol
    user_or_password = bool(settings.kafka_sasl_username or settings.kafka_sasl_password)
    user_and_password = bool(settings.kafka_sasl_username and settings.kafka_sasl_password)
    return (
        (
            with_password and not user_and_password,
            f"CONTRACTS_KAFKA_SASL_USERNAME: {protocol} needs a user name and a password",
        ),
        (
            not with_password and user_or_password,
            f"CONTRACTS_KAFKA_SASL_USERNAME: {ignoring} does not use a user name or password",
        ),
        (
            with_token != bool(settings.kafka_sasl_token_provider),
            (
                "CONTRACTS_KAFKA_SASL_TOKEN_PROVIDER: needs OAUTHBEARER and a SASL_… protocol, and "
                "they need it"
            ),
        ),
        (
            (settings.kafka_ssl_certfile is None) != (settings.kafka_ssl_keyfile is None),
            "CONTRACTS_KAFKA_SSL_CERTFILE: must be set together with CONTRACTS_KAFKA_SSL_KEYFILE",
        ),
        (  # without an audience, tokens made for other systems would be good here
            (settings.api_oidc_issuer is None) != (settings.api_oidc_audience is None),
            "CONTRACTS_API_OIDC_ISSUER: must be set together with CONTRACTS_API_OIDC_AUDIENCE",
        ),
        (
            settings.api_oidc_client_id is not None and not (settings.api_oidc_issuer and settings.api_url),
            "CONTRACTS_API_OIDC_CLIENT_ID: needs CONTRACTS_API_OIDC_ISSUER and CONTRACTS_API_URL",
        ),
        (  # otherwise one lost heartbeat ends the session
            settings.heartbeat_interval_ms * 3 > settings.session_timeout_ms,
            "CONTRACTS_HEARTBEAT_INTERVAL_MS: must be at most a third of CONTRACTS_SESSION_TIMEOUT_MS",
        ),
        (
            settings.max_command_bytes > settings.max_batch_bytes,
            "CONTRACTS_MAX_BATCH_BYTES: must be at least CONTRACTS_MAX_COMMAND_BYTES",
        ),
        (  # otherwise the limit could never be reached
            settings.dead_letter_limit_count > settings.dead_letter_limit_window,
            "CONTRACTS_DEAD_LETTER_LIMIT_COUNT: must be at most CONTRACTS_DEAD_LETTER_LIMIT_WINDOW",
        ),
    )


def load_settings(**overrides: Any) -> Settings:
    """Loads the settings from the environment and secret files; `overrides` take precedence.

    Raises:
        SettingsError: lists all mistakes, one line each, and never contains a secret.
    """
    return load(Settings, overrides)
