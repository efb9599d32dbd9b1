"""Requests to several brokers at the same time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable

_Answer = TypeVar("_Answer")


async def together(requests: Iterable[Coroutine[Any, Any, _Answer]]) -> list[_Answer]:
    """The answers in order. If a request fails, the others are cancelled and have ended when this raises.

    asyncio.gather lets the others run on, over a client that the caller closes because of the failure.
    """
    tasks = [asyncio.create_task(request) for request in requests]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
