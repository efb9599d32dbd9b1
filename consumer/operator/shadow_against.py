"""What two releases decide otherwise, of all that each of them decides otherwise than the service.

So what differs because of the stored data, for instance because it was changed by hand, is left out.
"""

from __future__ import annotations

import asyncio
import json
from asyncio.subprocess import PIPE
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from consumer.errors import DecidesOtherwise, InputRefused
from consumer.operator.differences import Difference

if TYPE_CHECKING:
    from collections.abc import Iterable

_ALL: Final = str(10**9)
_ENDED_WELL: Final = frozenset({0, DecidesOtherwise.exit_code})


async def of_release(program: str, start: str) -> list[Difference]:
    """What another release decides otherwise than the service.

    Args:
        program: its command `contracts`, which is run with the present environment.
        start: where it begins, as for `--from`.

    Raises:
        InputRefused: it cannot be run, has not compared, or prints something else.
    """
    command = (program, "shadow", "--from", start, "--json", "--limit", _ALL)
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stdout=PIPE
        )
    except OSError as error:
        raise InputRefused(
            f"{program} cannot be run: {error.strerror}",
            hint="name the command `contracts` of the other release",
        ) from error
    try:
        told, _ = await process.communicate()
    except asyncio.CancelledError:
        process.terminate()
        await process.wait()
        raise
    if process.returncode not in _ENDED_WELL:
        raise InputRefused(
            f"`{program} shadow` ended with exit code {process.returncode}; its message is above",
            hint="the other release needs the same settings, and `shadow` itself",
        )
    try:
        return [Difference(**json.loads(line)) for line in told.splitlines()]
    except (ValueError, TypeError) as error:
        raise InputRefused(f"`{program} shadow --json` prints something else than differences") from error


def between(other: Iterable[Difference], this: Iterable[Difference]) -> list[Difference]:
    """The differences between two releases, by command; `made` is what the other one makes.

    Both were compared with the same service. Of each document and output only the first field that differs
    is known.
    """
    others, ours = ({_key(one): one for one in found} for found in (other, this))
    found = []
    for key in {**others, **ours}:
        if (mine := ours.get(key)) is None:
            its = others[key]
            found.append(replace(its, made=its.would, would=its.made))
        elif key not in others:
            found.append(mine)
        elif mine.would != others[key].would:
            found.append(replace(mine, made=others[key].would))
    return sorted(found, key=lambda one: one.order)


def _key(one: Difference) -> tuple[str, str, str]:
    return one.what, one.id, one.path
