"""Servers that run already: their addresses are given, and nothing is started or stopped."""

from functools import cached_property

from devstack.kafka import probe_kafka
from devstack.mongo import probe_mongo


class GivenKafka:
    """A Kafka broker at a given address."""

    kind = "given"
    version = "unknown"

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap

    def heal(self) -> None:
        """Check that it answers; mending it is its owner's affair."""
        probe_kafka(self.bootstrap)


class GivenMongo:
    """A MongoDB replica set at a given address."""

    kind = "given"

    def __init__(self, uri: str) -> None:
        self.uri = uri

    @cached_property
    def version(self) -> str:
        """Version the server states."""
        return str(probe_mongo(self.uri)["version"])

    def heal(self) -> None:
        """Check that it answers; mending it is its owner's affair."""
        probe_mongo(self.uri)
