"""Errors that end the start of a program. A retry does not help."""

from __future__ import annotations

from typing import TYPE_CHECKING

from consumer.errors.root import ContractsError

if TYPE_CHECKING:
    from collections.abc import Sequence


class SettingsError(ContractsError):
    """One or more settings are missing or invalid; `mistakes` has one line for each."""

    exit_code = 3
    label = "settings are missing or invalid"
    hint = "`contracts settings` lists all settings with their meanings and defaults"

    def __init__(self, mistakes: Sequence[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = tuple(mistakes)


class StartRefused(ContractsError):
    """A server does not meet a requirement of the service. A restart does not help."""

    exit_code = 4
    label = "start refused"


class TemplatesRefused(ContractsError):
    """The templates file is wrong, or rewrites what was in force. A restart does not help."""

    exit_code = 21
    label = "the templates cannot be used"
    hint = "correct the file, and check it with `contracts templates check`"


class TransactionsUnsupported(StartRefused):
    """MongoDB is a standalone server, without the transactions that exactly-once processing needs."""

    hint = "run MongoDB as a replica set (one member is enough): `mongod --replSet rs0`, then `rs.initiate()`"


class TopicsMissing(StartRefused):
    """One or more topics do not exist. Auto-creation by the broker would give them wrong settings."""

    hint = "create them with `contracts topics ensure`"

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(f"missing topics: {', '.join(names)}")
        self.names = tuple(names)


class TopicMismatch(StartRefused):
    """Partition counts do not fit together, or a topic's limits are too low for its records."""

    hint = "`contracts topics ensure` lists the differences"


class IndexConflict(StartRefused):
    """An index with the same name or keys exists with other options."""

    hint = "drop it, then run `contracts indexes ensure`"


class ForeignDocuments(StartRefused):
    """A collection that the service would use holds documents of another program."""

    hint = (
        "set CONTRACTS_MONGO_DATABASE to an unused database, or rename the collection; then adopt its "
        "contracts with `contracts import --from-mongo URI --collection NAME`"
    )


class SlowClient(StartRefused):
    """aiokafka runs without its C extension, which makes it 100 times slower without any warning."""

    hint = (
        "install a binary wheel of aiokafka for this platform: `pip install --only-binary aiokafka aiokafka`"
    )
