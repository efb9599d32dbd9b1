"""A partition that is stopped, and asks for a decision that loses nothing."""

from confluent_kafka import Producer

from consumer.settings import Settings
from schemas.topics import POSITIONS


def stop_partition(settings: Settings) -> None:
    """Puts a stranger's record into the journal of partition 0."""
    stranger = Producer({"bootstrap.servers": settings.kafka_bootstrap_servers})
    stranger.produce(settings.topic_prefix + POSITIONS, b"hello", b"who are you", partition=0)
    stranger.flush(10)
