"""One question and one answer in the language of each server: is this value stored?"""

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from devstack.kafka import KafkaServer
from devstack.server import Server
from tests.servers import create_topic


class NoAnswerError(Exception):
    """The server did not answer in time."""


def store(server: Server, name: str, value: str) -> None:
    """Write a value; returns when the server has acknowledged it as durable."""
    if isinstance(server, KafkaServer):
        create_topic(server.bootstrap, name)
        producer = Producer({"bootstrap.servers": server.bootstrap, "acks": "all", "log_level": 0})
        errors = []
        producer.produce(name, value, on_delivery=lambda error, _: errors.append(error))
        assert producer.flush(15) == 0
        assert errors == [None]
    else:
        with MongoClient(server.uri, w="majority", journal=True) as client:
            client["kept"][name].insert_one({"value": value})


def stored(server: Server, name: str, seconds: float = 15) -> str:
    """Read it back; raises NoAnswerError when there is none in time."""
    if isinstance(server, KafkaServer):
        return _read_topic(server.bootstrap, name, seconds)
    try:
        with MongoClient(server.uri, timeoutMS=int(seconds * 1000)) as client:
            [document] = client["kept"][name].find()
            return document["value"]
    except PyMongoError as error:
        raise NoAnswerError(error) from error


def _read_topic(bootstrap: str, name: str, seconds: float) -> str:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "any", "log_level": 0})
    try:
        partition = TopicPartition(name, 0)
        _, end = consumer.get_watermark_offsets(partition, timeout=seconds)
        assert end == 1
        consumer.assign([TopicPartition(name, 0, 0)])
        record = consumer.poll(seconds)
        assert record
        assert not record.error()
        return record.value().decode()
    except KafkaException as error:
        raise NoAnswerError(error) from error
    finally:
        consumer.close()
