"""Converts old versions of commands and of stored contracts to the newest.

The log is kept forever, so every version that was ever accepted stays readable. Upcasting goes step by
step, with one pure function from each version to the next. A released function never changes, or a replay
would give another state.

To release version 2 of a command:

1. move its shape of version 1 to OLD_COMMANDS (schemas/commands.py) as it is, and its example with it;
2. change the shape, and set `version=2` in its row of COMMANDS;
3. write the step here: COMMAND_STEPS["update"] = {1: split_name};
4. `contracts schemas export`, and a test with an example of each.

Data is checked against the schema of the version in which it was sent, so that messages about mistakes fit
the data. The output of a step is not checked again: it must be valid for all valid inputs.

For contracts the same with CONTRACT_STEPS and SCHEMA_VERSION (schemas/contract.py): they are upcast when
they are read and stored in the new shape when they next change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from schemas.commands import COMMANDS
from schemas.contract import SCHEMA_VERSION
from schemas.scheduled import with_ids

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from schemas.commands import CommandSpec
    from schemas.contract import Contract

    Step = Callable[[dict[str, Any]], dict[str, Any]]
    """Converts data from one version to the next. Does not change its argument."""

COMMAND_STEPS: Final[Mapping[str, Mapping[int, Step]]] = {}
"""Steps by name of the command and version to convert from."""

CONTRACT_STEPS: Final[Mapping[int, Step]] = {1: with_ids}
"""Steps by version to convert from."""


class Upcast(dict[str, Any]):
    """A contract that MongoDB still has in an older shape.

    Writing only its changed fields would leave the others in that shape, so the document must be replaced.
    """


class UnknownVersion(ValueError):
    """The document has a version that this program does not know: a newer program wrote it."""


def upcast(document: dict[str, Any], version: int, newest: int, steps: Mapping[int, Step]) -> dict[str, Any]:
    """Converts a document from `version` to version `newest`.

    Raises:
        UnknownVersion: it is newer than `newest`, or so old that there is no step.
    """
    if version > newest:
        raise UnknownVersion(f"version {version} is newer than {newest}, the newest this program knows")
    for current in range(version, newest):
        if current not in steps:
            raise UnknownVersion(f"no step from version {current} to {current + 1}")
        document = steps[current](document)
    return document


def upcast_command(spec: CommandSpec, data: dict[str, Any]) -> dict[str, Any]:
    """Converts the valid data of a command in any version to the newest version."""
    newest = COMMANDS[spec.name]
    if spec is newest:
        return data
    return upcast(data, spec.version, newest.version, COMMAND_STEPS.get(spec.name, {}))


def upcast_contract(stored: Contract) -> Contract:
    """A stored contract in the current shape; the same object if it already has it."""
    version = stored["lifecycle"]["schema_version"]
    if version == SCHEMA_VERSION:
        return stored
    document = upcast(cast("dict[str, Any]", stored), version, SCHEMA_VERSION, CONTRACT_STEPS)
    lifecycle = document["lifecycle"] | {"schema_version": SCHEMA_VERSION}
    return cast("Contract", Upcast(document | {"lifecycle": lifecycle}))
