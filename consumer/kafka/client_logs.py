"""What aiokafka logs, and what the logs of this process do with it."""

from __future__ import annotations

from typing import Final

LOGGER: Final = "aiokafka"
"""The logger above all of its loggers.

It logs each failed attempt to connect, fifty a second for each partition while a broker is away.
"""

QUOTING: Final = ("aiokafka.conn", "aiokafka.producer.producer")
"""Loggers whose debug lines quote whole requests."""

HARMLESS: Final = ("NotEnoughReplicas",)
"""Texts in warnings and errors that are normal.

While a broker verifies a partition for a transaction (KIP-890) it answers the first produce request with
NOT_ENOUGH_REPLICAS, and aiokafka tries again. At error level, these lines would hide real errors.
"""
