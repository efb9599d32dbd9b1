"""A client of no broker at all: each request has the answer that a test gives."""

from types import SimpleNamespace

from aiokafka.errors import OperationNotAttempted

from consumer.kafka.publisher import Publisher
from tests.contract.kafka.clients import batches

SENT = batches("t", (0, "a"), (1, "b"))


class FakeClient:
    """A broker that answers each kind of request with what it is given, in turn; at the end with success."""

    def __init__(self, **answers):
        self.answers = {name: list(each) for name, each in answers.items()}
        self.sent = []
        self.refreshed = 0
        self.leaders = {}
        self._topics = {"t"}
        self.cluster = SimpleNamespace(
            brokers=list,
            leader_for_partition=lambda place: self.leaders.get(place.partition, 1),
            unauthorized_topics=set(),
            update_metadata=self._update_metadata,
        )

    def _update_metadata(self, answer):
        self.refreshed += 1

    async def bootstrap(self):
        pass

    async def close(self):
        pass

    async def ready(self, node, **group):
        return True

    def add_topic(self, topic):
        pass

    async def _wait_on_metadata(self, topic):
        pass

    async def force_metadata_update(self):
        self.refreshed += 1

    async def coordinator_lookup(self, kind, key):
        return 1

    async def send(self, node, request):
        name = type(request).__name__.removesuffix("Request")
        self.sent.append((name, node, request))
        answers = self.answers.get(name)
        answer = answers.pop(0) if answers else 0
        if isinstance(answer, Exception):
            raise answer
        return answered(name, request, answer)

    def names(self):
        return [name for name, _, _ in self.sent]


def answered(name, request, code):
    """The broker's answer; the error, if any, is that of the last partition."""
    match name:
        case "InitProducerId":
            return SimpleNamespace(error_code=code, producer_id=7, producer_epoch=1)
        case "AddPartitionsToTxn":
            before = OperationNotAttempted.errno if code else 0
            return SimpleNamespace(errors=[("t", [(0, before), (1, code)])])
        case "Produce":
            ((topic, parts),) = request._topics
            codes = [0] * (len(parts) - 1) + [code]
            return SimpleNamespace(
                topics=[(topic, [(n, each, 10 * n) for (n, _), each in zip(parts, codes, strict=True)])]
            )
    return SimpleNamespace(error_code=code)


async def started(client, deadline=1.0):
    publisher = Publisher(lambda: client, "id", deadline=deadline)
    await publisher.start()
    client.sent.clear()
    return publisher
