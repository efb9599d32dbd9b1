"""Old versions into new: of commands on the wire, and of stored contracts.

The log is kept forever, so every version that was ever accepted stays readable. A version is upcast
step by step, one pure function from each to the next; none is ever changed once it was released, or
a replay would give another state.

To release version 2 of a command:

1. move its shape of version 1 to OLD_COMMANDS (schemas/commands.py) as it is, and its example with it;
2. change the shape, and set `version=2` in its row of COMMANDS;
3. write the step here: COMMAND_STEPS["update"] = {1: split_name};
4. `contracts schemas export`, and a test with an example of each.

Data is checked against the schema of the version it was sent in, so that mistakes are named in its
terms. What a step makes is not checked again: it must make valid data of all valid data.

For contracts the same with CONTRACT_STEPS and SCHEMA_VERSION (schemas/contract.py): they are upcast when
they are read and stored in the new shape when they next change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from schemas.commands import COMMANDS
from schemas.contract import SCHEMA_VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from schemas.commands import CommandSpec
    from schemas.contract import Contract

    Step = Callable[[dict[str, Any]], dict[str, Any]]
    """From one version to the next; leaves what it is given as it is."""

COMMAND_STEPS: Final[Mapping[str, Mapping[int, Step]]] = {}
"""By name of the command and version to start from."""

CONTRACT_STEPS: Final[Mapping[int, Step]] = {}
"""By version to start from."""


class Upcast(dict[str, Any]):
    """A contract that MongoDB still holds in an older shape.

    A write of only the fields that changed would leave the rest in that shape: the whole must be replaced.
    """


class UnknownVersion(ValueError):
    """A document of a version that this program does not know: it was made by a newer one."""


def upcast(document: dict[str, Any], version: int, newest: int, steps: Mapping[int, Step]) -> dict[str, Any]:
    """A document of `version` as one of version `newest`.

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
    """The valid data of a command in any version as data of the newest."""
    newest = COMMANDS[spec.name]
    if spec is newest:
        return data
    return upcast(data, spec.version, newest.version, COMMAND_STEPS.get(spec.name, {}))


def upcast_contract(stored: Contract) -> Contract:
    """A stored contract in the shape of this program; the same object when it has it already."""
    version = stored["lifecycle"]["schema_version"]
    if version == SCHEMA_VERSION:
        return stored
    document = upcast(cast("dict[str, Any]", stored), version, SCHEMA_VERSION, CONTRACT_STEPS)
    lifecycle = document["lifecycle"] | {"schema_version": SCHEMA_VERSION}
    return cast("Contract", Upcast(document | {"lifecycle": lifecycle}))
