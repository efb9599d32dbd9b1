"""The sentences of docs/performance.md; page.py fills in the figures."""

from __future__ import annotations

from typing import Final

TEXT: Final = """\
# Performance

Made by `python -m benchmarks.page` from
[benchmarks/results/latest.json](../benchmarks/results/latest.json), which is what `make bench-quick`, `make
bench` or `make bench ARGS=--full` measured last. Read the ratios: all contenders of a table ran in turn on
the same servers and the same log, {rounds} times, and the figures are medians. Another machine has other
figures, and much the same ratios.

{machine}

## The whole job beside less of it

{commands:,} updates and creations for {accounts:,} accounts, {partitions} partitions, one process each; the
backlog is there before the first record is read.

![Commands a second]({throughput})

{compared}

What each does for a command:

{does}

## Ratios

{ratios}

- **connect_sink**: our speed divided by the Connect sink's. The sink stores each record as it comes, at
  least once: no rules, no history, no events, no position. It does a third of the work, on the JVM, on all
  cores; ours is one Python process.
- **faststream_batch**: divided by a consumer written by hand with FastStream's batches and one bulk write
  for a batch, with the same schemas and the same rules, and with neither history, dedupe, results, nor
  exactly once.
- **faststream_single**: divided by the same, one message at a time with a safe acknowledgement: what most
  people write first.

### Why not faster

Every command costs the client {client:.0f} µs, the broker {broker:.0f} µs and the database {database:.0f}
µs of CPU: on the {cores} cores here that all of them share, no more than {ceiling:,.0f} commands/s could
come out of it if no core ever waited. The MongoDB writes of the job alone, recorded and sent again as ready
BSON by one client that does nothing else, reach {floor:,.0f}/s and cost the database {floor_database:.0f}
µs.

- To be as fast as the sink, the three together could spend {as_sink:.0f} µs on a command. What the broker and
  the database need, also for the history, the events and the results that the sink does not write, is
  {others:.0f} of that already; the client, which decodes, decides and encodes in Python, takes {client:.0f}.
- To be three times as fast as the batch consumer they could spend {triple:.0f} µs: out of reach on this
  machine with any client.
"""

GOALS: Final = """
## Goals

What the service should reach on a machine like this, with the figures of this page. Each part of the page
says when it was measured; a ratio of two parts is of two runs.

{rows}
"""

VARIED: Final = """
## Other logs, partitions and processes

Each is the first row with one thing changed, run once: compare the rows with each other. A peer without a
figure could not be asked for it on equal terms.

![Commands a second]({picture})

{rows}
"""

PARTITIONS: Final = """
## Latency by the number of partitions

One process, 5,000 accounts, every commit synced to disk. A batch goes over all partitions of a process, so
its cost follows the load and not their number. `cores` are those of the service, the broker and the
database together. *Plain loop* is a loop of aiokafka and motor that makes one MongoDB and one Kafka
transaction of the same size for whatever has come, and decides nothing. *Not synced* is the service on a
database that does not wait for its disk.

{rows}
"""

TAKEOVER: Final = """
## Takeover

A worker with 48 partitions is killed at 500 commands/s. Another one starts, and takes them over when Kafka
has missed the first for its session timeout. The seconds count from the kill plus that timeout.
Kafka counts from the last heartbeat, up to a second before the kill, so they can be below zero.

{rows}
"""

READS: Final = """
## Reads over HTTP

Contracts by account, by chance, from one `contracts serve`, while nothing else runs but the servers and the
load generator. Requests are sent at their time, however long others take; milliseconds count from that time
until the answer is read.

{rows}

An idle listener: `contracts run` with the HTTP API, which nobody asks, is {ratio:.2f} times as fast as
without it.
"""

LATENCY: Final = """
## Latency

From the record's timestamp in the command topic until a `read_committed` consumer sees the result, with
every commit synced to disk; capacity {capacity:,.0f} commands/s so measured. The load generator and the
watching consumer run on the same {cores} cores.

![Latency]({picture})

{rows}

**latency_p50_over_floor** is the median for one command alone, divided by the medians of a bare MongoDB
transaction and a bare Kafka transaction added up. *Plain loop* is the one of the table by
partitions: it commits its group's offsets, too, and decides nothing.

Under load a command waits until its partition's last batch is stored, is stored with the next one, and is
published. A batch costs the three processes together some 10 ms of CPU whatever it holds, and each of its
commands what it costs at full speed: four partitions keep the {cores} cores and the database's locks busy
long before the capacity is reached. Where the time goes, and what was tried, is in
[decision 3](decisions/0003-levers.md).
"""

ALONE: Final = """
The same accounts again and again are as fast among many as among few, for what a process wrote it remembers.
Commands spread over all of them must each read their contract first, and update one that nobody touched
lately. That is the database's work: one client that does nothing else, in transactions of 1,000, reads and
updates {many:,.0f} contracts/s among the many and {few:,.0f} among the few, {ratio:.2f} times as many.
"""

SCALE: Final = """
## Many contracts, and a million commands

Updates spread over all stored contracts, or over the same few; a scan that finds the same number of contracts
due among all of them.

{rows}
{floor}
While the largest number was being stored, one command each, the service's memory went from {first} MiB, after
a fifth of the time, to {last} at the end, {most} at most:

![Commands and memory]({picture})

{starts}
"""
