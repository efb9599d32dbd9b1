// A read model from contracts.state alone:  npm ci && node state.js FILE
//
// Who needs contracts and no events needs no more than this: each record is the newest state of its account,
// and one without a value says that it has none any more. FILE is written anew when something changed;
// it is read from the beginning at every start, so nothing has to be remembered.

import { renameSync, writeFileSync } from "node:fs";
import { randomUUID } from "node:crypto";
import { decompress } from "fzstd";
import kafkajs from "kafkajs";

const { CompressionCodecs, CompressionTypes, Kafka, logLevel } = kafkajs;
const [file] = process.argv.slice(2);
const servers = process.env.CONTRACTS_KAFKA_BOOTSTRAP_SERVERS ?? "localhost:9092";
const prefix = process.env.CONTRACTS_TOPIC_PREFIX ?? "";

CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: () => { throw new Error("this consumer sends nothing"); },
  decompress: async (buffer) => Buffer.from(decompress(buffer)),
});

const contracts = new Map(); // account -> its contract
const kafka = new Kafka({ brokers: servers.split(","), logLevel: logLevel.ERROR });
const consumer = kafka.consumer({ groupId: `state-${randomUUID()}`, readUncommitted: false });
await consumer.connect();
await consumer.subscribe({ topic: `${prefix}contracts.state`, fromBeginning: true });
await consumer.run({
  autoCommit: false,
  eachBatch: async ({ batch }) => {
    for (const { key, value } of batch.messages) {
      if (value === null) contracts.delete(key.toString());
      else contracts.set(key.toString(), JSON.parse(value.toString()).contract);
    }
    writeFileSync(`${file}.new`, JSON.stringify(Object.fromEntries(contracts)));
    renameSync(`${file}.new`, file); // whoever reads it meets a whole one
  },
});

for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, async () => {
    await consumer.disconnect();
    process.exit(0);
  });
}
