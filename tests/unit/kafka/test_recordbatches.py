"""Our batches are compressed at a level of their own; those of other producers in the process are not."""

import cramjam
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from consumer.kafka.recordbatches import BatchWriter, Output, pack, unpack

HEADER_BYTES = 61
VALUES = [b'{"number":%d,"text":"%d"}' % (number, number * 7919) for number in range(200)]


def body_of(compression):
    writer = BatchWriter(compression)
    for value in VALUES:
        writer.add(Output("topic", 0, b"key", value, [("name", b"content")], 1_000))
    (batch,) = writer.finish()
    assert list(unpack(pack([batch]))) == [batch]
    return batch.body


def built_by_another():
    builder = DefaultRecordBatchBuilder(
        2, 4, is_transactional=1, producer_id=-1, producer_epoch=-1, base_sequence=0, batch_size=1 << 19
    )
    for number, value in enumerate(VALUES):
        builder.append(number, 1_000, b"key", value, [("name", b"content")])
    return bytes(builder.build())


def test_the_level_is_that_of_our_batches_only():
    records = body_of("none")[HEADER_BYTES:]
    assert bytes(cramjam.zstd.compress(records, level=1)) != bytes(cramjam.zstd.compress(records, level=3))
    assert body_of("zstd")[HEADER_BYTES:] == bytes(cramjam.zstd.compress(records, level=1))
    assert built_by_another()[HEADER_BYTES:] == bytes(cramjam.zstd.compress(records, level=3))
