import pytest
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.partitioner import murmur2 as aiokafka_murmur2
from confluent_kafka import Producer
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.partitioning import HOMES, crc32_home, murmur2, murmur2_home

# From the tests of Apache Kafka (UtilsTest.testMurmur2), which prints them signed.
JAVA_VECTORS = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}


@pytest.mark.parametrize(("key", "signed"), JAVA_VECTORS.items())
def test_murmur2_is_that_of_the_java_client(key, signed):
    assert murmur2(key) == signed & 0xFFFFFFFF


@given(st.binary(max_size=700), st.integers(1, 5000))
@example(b"\xff" * 600, 7)
def test_the_home_is_where_aiokafka_would_put_the_key(key, count):
    assert murmur2(key) == aiokafka_murmur2(key) & 0xFFFFFFFF
    partitions = list(range(count))
    assert murmur2_home(key, count) == DefaultPartitioner()(key, partitions, partitions)


@pytest.mark.parametrize(
    ("partitioner", "home_of"), [("consistent_random", crc32_home), ("murmur2_random", murmur2_home)]
)
def test_the_home_is_where_librdkafka_puts_the_key(partitioner, home_of):
    placed: dict[bytes, int] = {}
    producer = Producer({"test.mock.num.brokers": 1, "partitioner": partitioner, "log_level": 0})
    keys = [f"acct-{number:05d}-é".encode() for number in range(200)]
    for key in keys:
        producer.produce(
            "t", b"", key, on_delivery=lambda _, message: placed.update({message.key(): message.partition()})
        )
    producer.flush(20)
    count = len(producer.list_topics("t", timeout=20).topics["t"].partitions)
    assert count > 1
    assert placed == {key: home_of(key, count) for key in keys}


def test_both_settings_have_a_home():
    assert set(HOMES) == {"murmur2", "crc32"}
