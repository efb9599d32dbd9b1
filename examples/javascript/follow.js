// Every change, once:  npm ci && node follow.js FILE GROUP
//
// A line of FILE is what was done for an event, and the memory that it was done. In a service of yours
// both are rows of a database, written in one transaction.

import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { decompress } from "fzstd";
import kafkajs from "kafkajs";

const { CompressionCodecs, CompressionTypes, Kafka, logLevel } = kafkajs;
const [file, groupId] = process.argv.slice(2);
const servers = process.env.CONTRACTS_KAFKA_BOOTSTRAP_SERVERS ?? "localhost:9092";
const prefix = process.env.CONTRACTS_TOPIC_PREFIX ?? "";

// KafkaJS names zstd, but cannot read it until it is given a codec.
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: () => { throw new Error("this consumer sends nothing"); },
  decompress: async (buffer) => Buffer.from(decompress(buffer)),
});

const lines = existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
const done = new Set(lines.map((line) => line.split(" ")[0]));

const kafka = new Kafka({ brokers: servers.split(","), logLevel: logLevel.ERROR });
const consumer = kafka.consumer({ groupId, readUncommitted: false }); // read_committed is its default
await consumer.connect();
await consumer.subscribe({ topic: `${prefix}contracts.changed`, fromBeginning: true });
await consumer.run({
  // Its offset is committed after the promise has resolved: after a crash an event comes again.
  eachMessage: async ({ message }) => {
    const id = message.headers.ce_id.toString();
    if (done.has(id)) return;
    const event = JSON.parse(message.value.toString());
    appendFileSync(file, `${id} ${message.key} ${event.change} ${event.version}\n`);
    done.add(id);
  },
});

for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, async () => {
    await consumer.disconnect();
    process.exit(0);
  });
}
