"""Real clients behind the proxy."""

import pymongo
import pytest
from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from devstack.kafka import ApacheKafka
from devstack.proxy import Proxy
from tests.servers import create_topic
from tests.system.devstack.conftest import needs

pytestmark = pytest.mark.fault


@pytest.fixture(scope="module")
def proxied(tmp_path_factory):
    needs("apache")
    users = 'org.apache.kafka.common.security.plain.PlainLoginModule required user_reader="right";'
    broker = ApacheKafka(
        tmp_path_factory.mktemp("apache"),
        listeners={"GUARDED": "SASL_PLAINTEXT"},
        properties={
            "listener.name.guarded.sasl.enabled.mechanisms": "PLAIN",
            "listener.name.guarded.plain.sasl.jaas.config": users,
            "message.max.bytes": 2_000,
        },
    )
    with Proxy(broker.port) as proxy:
        broker.advertised_port = proxy.port
        with broker:
            yield broker, proxy


def brokers(bootstrap: str, **settings: str) -> set[str]:
    """Addresses the cluster tells its clients to use."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0, **settings})
    return {f"{broker.host}:{broker.port}" for broker in admin.list_topics(timeout=5).brokers.values()}


def test_clients_are_told_to_stay_behind_the_proxy(proxied):
    broker, proxy = proxied
    behind = f"127.0.0.1:{proxy.port}"
    assert brokers(behind) == brokers(broker.bootstrap) == {behind}


def test_added_listener_has_its_own_address_and_rules(proxied):
    broker, proxy = proxied
    address = broker.address("GUARDED")
    assert address not in {broker.bootstrap, f"127.0.0.1:{proxy.port}"}
    login = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN", "sasl.username": "reader"}
    assert brokers(address, **login, **{"sasl.password": "right"}) == {address}
    with pytest.raises(KafkaException):
        brokers(address, **login, **{"sasl.password": "wrong"})


def test_added_properties_reach_the_broker(proxied):
    broker, _ = proxied
    topic = create_topic(broker.address("INTERNAL"), "small")
    errors = []
    producer = Producer({"bootstrap.servers": broker.address("INTERNAL"), "log_level": 0})
    producer.produce(topic, b"x" * 5_000, on_delivery=lambda error, _: errors.append(error.code()))
    assert producer.flush(10) == 0
    assert errors == [KafkaError.MSG_SIZE_TOO_LARGE]


def test_broker_restarts_while_its_proxy_is_cut(proxied):
    broker, proxy = proxied
    proxy.cut()
    with pytest.raises(KafkaException):
        AdminClient({"bootstrap.servers": f"127.0.0.1:{proxy.port}", "log_level": 0}).list_topics(timeout=0.5)
    broker.restart()
    proxy.heal()
    assert brokers(f"127.0.0.1:{proxy.port}") == {f"127.0.0.1:{proxy.port}"}


def test_commit_whose_answer_is_lost_may_still_have_happened(database_server, database):
    with (
        Proxy(database_server.port) as proxy,
        MongoClient(database_server.uri_through(proxy.port), retryWrites=False) as client,
        MongoClient(database_server.uri) as direct,
    ):
        contracts = client[database]["contracts"]
        contracts.insert_one({"_id": "before"})
        session = client.start_session()
        session.start_transaction()
        contracts.insert_one({"_id": "unknown"}, session=session)
        proxy.stall(replies_only=True)
        with pytest.raises(PyMongoError) as raised, pymongo.timeout(1):
            session.commit_transaction()
        proxy.cut()
        assert raised.value.has_error_label("UnknownTransactionCommitResult")
        assert direct[database]["contracts"].count_documents({}) == 2
        proxy.heal()
        session.commit_transaction()  # once more: the answer of the first
        assert contracts.count_documents({}) == 2
        session.end_session()
