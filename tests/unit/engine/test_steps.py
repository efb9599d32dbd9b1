"""The steps of a worker that are under way."""

import asyncio
import gc

import pytest

from consumer.engine.tasks import Tasks
from consumer.errors import PublishInDoubt, StoreUnavailable


async def fails(error):
    raise error


async def test_of_steps_that_fail_together_the_first_goes_up_and_none_is_left_unseen():
    unseen = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unseen.append(context))
    tasks = Tasks()
    tasks.start("store", 0, fails(StoreUnavailable("away")))
    tasks.start("publish", 0, fails(PublishInDoubt("no answer")))
    await asyncio.sleep(0)
    with pytest.raises(StoreUnavailable):
        tasks.finish()
    gc.collect()
    assert unseen == []
