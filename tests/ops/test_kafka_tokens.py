"""OAUTHBEARER on the real Kafka, with its validator of unsigned tokens: who brings one is let in."""

import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from consumer.errors import BrokerUnavailable, SettingsError
from consumer.kafka import topics
from consumer.kafka.connection import kafka_options
from consumer.settings import Settings, load_settings
from devstack.kafka import ApacheKafka
from tests.conftest import available
from tests.running import running, settings_for

HERE = "tests.ops.test_kafka_tokens"
ROOT = Path(__file__).parents[2]


def token(expires_in: float) -> str:
    now = time.time()
    parts = {"alg": "none"}, {"sub": "contracts", "iat": now - 60, "exp": now + expires_in}
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*encoded, ""])


async def valid() -> str:
    return token(expires_in=600)


async def expired() -> str:
    return token(expires_in=-30)


async def broken() -> str:
    raise TimeoutError("the identity provider is away")


def no_coroutine() -> str:
    return "x"


@pytest.fixture(scope="module")
def kafka_with_tokens(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApacheKafka]:
    available("apache")
    module = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule"
    properties = {
        "sasl.enabled.mechanisms": "OAUTHBEARER",
        "listener.name.tokens.oauthbearer.sasl.jaas.config": (
            f'{module} required unsecuredLoginStringClaim_sub="broker";'
        ),
    }
    folder = tmp_path_factory.mktemp("tokens")
    with ApacheKafka(folder, listeners={"TOKENS": "SASL_PLAINTEXT"}, properties=properties) as kafka:
        yield kafka


def settings(kafka: ApacheKafka, mongo: Any, name: str, provider: str) -> Settings:
    return settings_for(
        kafka,
        mongo,
        name,
        kafka_bootstrap_servers=kafka.address("TOKENS"),
        kafka_security_protocol="SASL_PLAINTEXT",
        kafka_sasl_mechanism="OAUTHBEARER",
        kafka_sasl_token_provider=f"{HERE}:{provider}",
    )


async def test_the_service_works_with_a_token(
    kafka_with_tokens: ApacheKafka, mongo: Any, database: str
) -> None:
    async with running(settings(kafka_with_tokens, mongo, database, "valid")) as service:
        assert service.metrics.value("owned_partitions") == 3


async def test_an_expired_token_does_not_let_in_and_is_not_shown(
    kafka_with_tokens: ApacheKafka, mongo: Any, database: str
) -> None:
    """aiokafka takes the broker's refusal for an answer, so the reason is only in the broker's log."""
    with pytest.raises(BrokerUnavailable, match="does not answer") as refused:
        await topics.check(settings(kafka_with_tokens, mongo, database, "expired"))
    assert (await expired())[:20] not in str(refused.value)


def test_debug_tells_much_but_neither_the_token_nor_the_contract(
    kafka_with_tokens: ApacheKafka, mongo: Any, database: str
) -> None:
    variables = {
        "KAFKA_BOOTSTRAP_SERVERS": kafka_with_tokens.address("TOKENS"),
        "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
        "KAFKA_SASL_MECHANISM": "OAUTHBEARER",
        "KAFKA_SASL_TOKEN_PROVIDER": f"{HERE}:valid",
        "TOPIC_PREFIX": f"{database}.",
        "TOPIC_REPLICATION_FACTOR": "1",
        "MONGO_URI": mongo.uri,
    }
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        **{f"CONTRACTS_{name}": value for name, value in variables.items()},
    }
    create = "publish create acme --set contract_type=basic --set primary_contact.name=Jane"
    for command in ("topics ensure", create):
        done = subprocess.run(
            [sys.executable, "-m", "consumer", "--debug", *command.split()],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        assert "[debug" in done.stderr
        assert "Bearer" not in done.stderr
        assert "Jane" not in done.stderr


async def test_a_provider_that_fails_is_told(
    kafka_with_tokens: ApacheKafka, mongo: Any, database: str
) -> None:
    with pytest.raises(BrokerUnavailable, match="gives no token: TimeoutError: the identity"):
        await topics.check(settings(kafka_with_tokens, mongo, database, "broken"))


@pytest.mark.parametrize(
    ("provider", "words"),
    [
        ("no_such_module:f", "No module named"),
        (f"{HERE}:nothing", "nothing"),
        (f"{HERE}:no_coroutine", "no coroutine function"),
    ],
)
async def test_a_provider_that_is_none_stops_the_start(provider: str, words: str) -> None:
    wrong = load_settings(
        kafka_security_protocol="SASL_SSL",
        kafka_sasl_mechanism="OAUTHBEARER",
        kafka_sasl_token_provider=provider,
    )
    with pytest.raises(SettingsError, match=words):
        kafka_options(wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kafka_security_protocol": "SASL_SSL", "kafka_sasl_mechanism": "OAUTHBEARER"},
        {"kafka_sasl_token_provider": "a:b"},
        {"kafka_sasl_mechanism": "OAUTHBEARER", "kafka_sasl_token_provider": "a:b"},
    ],
)
def test_provider_and_mechanism_go_together(wrong: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="TOKEN_PROVIDER: needs OAUTHBEARER"):
        load_settings(**wrong)
