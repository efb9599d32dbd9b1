"""What two releases decide otherwise, of all that each of them decides otherwise than the service.

So what differs because of the stored data, for instance because it was changed by hand, is left out.
"""

from __future__ import annotations

import asyncio
import json
from asyncio.subprocess import PIPE
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final, cast

from consumer.errors import DecidesOtherwise, InputRefused
from consumer.operator.differences import KEPT, Difference
from consumer.operator.shadow_state import COLLECTIONS
from consumer.operator.shadow_tallies import POSITIONS
from consumer.storage import movements

if TYPE_CHECKING:
    from asyncio.streams import StreamReader
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator, Sequence

_LINE_BYTES: Final = 64 << 20
"""Of one difference: it may have a whole record, twice and escaped."""

_STORED: Final = frozenset({*COLLECTIONS, POSITIONS, movements.COLLECTION})
_ENDED_WELL: Final = frozenset({0, DecidesOtherwise.exit_code})


async def of_release(program: str, start: str, limit: int = KEPT) -> list[Difference]:
    """The first `limit` things that another release decides otherwise than the service.

    Args:
        program: its command `contracts`, which is run with the present environment.
        start: where it begins, as for `--from`.
        limit: maximum number of differences.

    Raises:
        InputRefused: it cannot be run, has not compared, or prints something else.
    """
    command = (program, "shadow", "--from", start, "--json", "--limit", str(limit))
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stdout=PIPE, limit=_LINE_BYTES
        )
    except OSError as error:
        raise InputRefused(
            f"{program} cannot be run: {error.strerror}",
            hint="name the command `contracts` of the other release",
        ) from error
    try:
        found = [Difference(**json.loads(line)) async for line in _lines(process)]
        await process.wait()
    except (ValueError, TypeError) as error:
        raise InputRefused(f"`{program} shadow --json` prints something else than differences") from error
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.terminate()
            await process.wait()
    if process.returncode not in _ENDED_WELL:
        raise InputRefused(
            f"`{program} shadow` ended with exit code {process.returncode}; its message is above",
            hint="the other release needs the same settings, and `shadow` itself",
        )
    return found


def between(other: Sequence[Difference], this: Sequence[Difference], limit: int = KEPT) -> list[Difference]:
    """The differences between two releases, by command; `made` is what the other one makes.

    Both were compared with the same service. Of each document and output only the first field that differs
    is known. Of a release with `limit` differences or more only the first are known, and those of both are
    compared up to the last of them.
    """
    ends = [found[-1].order for found in (other, this) if len(found) >= limit]
    known = [[one for one in found if not ends or one.order < min(ends)] for found in (other, this)]
    others, ours = ({_key(one): one for one in found} for found in known)
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


def _key(one: Difference) -> tuple[str, ...]:
    """Dead letters of a topic may have the same id, or none."""
    in_topic = one.what not in _STORED
    return one.what, one.id, one.path, *((str(one.partition), str(one.offset)) if in_topic else ())


async def _lines(process: Process) -> AsyncIterator[bytes]:
    """One by one: a release may print many."""
    async for line in cast("StreamReader", process.stdout):
        yield line
