"""What keeps a program from starting: it would not work here, and waiting would not help."""

from __future__ import annotations

from typing import TYPE_CHECKING

from consumer.errors.root import ContractsError

if TYPE_CHECKING:
    from collections.abc import Sequence


class SettingsError(ContractsError):
    """One or more settings are wrong; `mistakes` has a readable line for each."""

    exit_code = 3
    label = "settings are wrong"
    hint = "`contracts settings` lists all of them, with their meanings and defaults"

    def __init__(self, mistakes: Sequence[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = tuple(mistakes)


class StartRefused(ContractsError):
    """The service would not work here, and waiting would not change that."""

    exit_code = 4
    label = "start refused"


class TransactionsUnsupported(StartRefused):
    """MongoDB stands alone: without transactions nothing is exactly once."""

    hint = "run MongoDB as a replica set (one member is enough): `mongod --replSet rs0`, then `rs.initiate()`"


class TopicsMissing(StartRefused):
    """One or more of the topics are not there; the broker must not invent them with its defaults."""

    hint = "create them with `contracts topics ensure`"

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(f"missing topics: {', '.join(names)}")
        self.names = tuple(names)


class TopicMismatch(StartRefused):
    """The topics' partition counts differ, or a topic cannot carry what is written to it."""

    hint = "`contracts topics ensure` shows each difference"


class IndexConflict(StartRefused):
    """An index exists under a name or key of ours, with other options."""

    hint = "drop it, then run `contracts indexes ensure`"


class ForeignDocuments(StartRefused):
    """A collection of this name was somebody else's before: its documents are not the service's own."""

    hint = (
        "set CONTRACTS_MONGO_DATABASE to a database of its own, or rename the collection; then adopt the "
        "contracts with `contracts import --from-mongo URI --collection NAME`"
    )


class SlowClient(StartRefused):
    """aiokafka runs without its C extension: 100 times slower, and silent about it."""

    hint = (
        "install a binary wheel of aiokafka for this platform: `pip install --only-binary aiokafka aiokafka`"
    )
