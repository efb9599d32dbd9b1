"""Contracts that are read often, cached in Redis. A cached contract is at most a few seconds old.

An entry contains the contract, the log offset of the last command in it, and the time until which it is
fresh: `max_age` after the read of the database began. So the limit on its age holds even if other processes
fail or wait. A record of `contracts.state` makes an entry newer, but does not extend its freshness. A
process with an older state than the entry writes nothing. An entry stays in Redis twice as long as it is
fresh, so that a late process still finds the newer state.
"""

from __future__ import annotations

import asyncio
import logging
from time import monotonic, perf_counter
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from pydantic import TypeAdapter

from schemas.contract import ContractState, to_json
from schemas.views import visible

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from redis.asyncio import Redis

    from schemas.contract import Contract

log = logging.getLogger(__name__)

Source = Literal["cache", "database", "database_alone"]
"""Where an answer came from; the last: Redis did not answer."""

SECONDS: Final = 0.25
"""Maximum time to wait for Redis: the database answers faster than this."""

_NOW: Final = "local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000) "
_LOOK: Final = (
    _NOW
    + """
local fresh = redis.call('HGET', KEYS[1], 'fresh')
if fresh and tonumber(fresh) > now then
  return {now, redis.call('HGET', KEYS[1], 'contract'), redis.call('HGET', KEYS[1], 'offset')}
end
return {now, false}
"""
)
_FILL: Final = """
local began, age = tonumber(ARGV[1]), tonumber(ARGV[2])
local has = redis.call('HMGET', KEYS[1], 'offset', 'fresh', 'gone')
if has[3] and tonumber(has[3]) >= began then return 0 end
if has[1] and has[1] > ARGV[3] then return 0 end
local fresh = math.max(began + age, has[1] == ARGV[3] and tonumber(has[2] or 0) or 0)
redis.call('HSET', KEYS[1], 'offset', ARGV[3], 'contract', ARGV[4], 'fresh', fresh)
redis.call('PEXPIRE', KEYS[1], 2 * age)
return 1
"""
_GONE: Final = (
    _NOW
    + """
redis.call('HSET', KEYS[1], 'gone', now)
redis.call('HDEL', KEYS[1], 'contract', 'fresh')
redis.call('PEXPIRE', KEYS[1], 2 * tonumber(ARGV[1]))
"""
)
_NEWER: Final = """
local offset = redis.call('HGET', KEYS[1], 'offset')
if not offset or offset >= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'offset', ARGV[1])
if ARGV[2] == '' then redis.call('HDEL', KEYS[1], 'contract', 'fresh')
else redis.call('HSET', KEYS[1], 'contract', ARGV[2]) end
return 1
"""
_STATE: Final[TypeAdapter[ContractState]] = TypeAdapter(ContractState)


class Held(NamedTuple):
    """An account's contract; None: it has none.

    `sequence`: of the last command that a contract from the cache has seen; None: it is from the database.
    """

    contract: ContractState | None
    sequence: int | None


class HotContracts:
    """The cache.

    Args:
        redis: a client; it connects when it is first used.
        prefix: of the keys.
        max_age: seconds that an answer may be old.
        report: called with the source of each answer, and its duration in seconds.
    """

    def __init__(
        self,
        redis: Redis,
        *,
        prefix: str,
        max_age: float,
        report: Callable[[Source, float], None] = lambda _source, _seconds: None,
    ) -> None:
        self._redis = redis
        self._prefix = prefix
        self._age = int(max_age * 1000)
        self._report = report
        self._look, self._fill, self._gone, self._newer = map(
            redis.register_script, (_LOOK, _FILL, _GONE, _NEWER)
        )
        self._away_until = 0.0
        self._reported = False

    async def by_account(
        self, account_id: str, read: Callable[[str], Awaitable[Contract | None]]
    ) -> ContractState | None:
        """The account's current contract; as `held`."""
        return (await self.held(account_id, read)).contract

    async def held(self, account_id: str, read: Callable[[str], Awaitable[Contract | None]]) -> Held:
        """The account's current contract, and how new it is; `read` asks the database, its primary.

        Raises:
            ServiceUnavailable: it is not in the cache, and the database does not answer.
        """
        started = perf_counter()
        look = await self._ask(self._look, account_id)
        if look is not None and look[1] is not None:
            self._report("cache", perf_counter() - started)
            return Held(_STATE.validate_json(look[1]), int(look[2]))
        contract = await read(account_id)
        if look is not None:
            await self._keep(account_id, look[0], contract)
        self._report("database_alone" if look is None else "database", perf_counter() - started)
        return Held(None if contract is None else visible(contract), None)

    async def newer(self, account_id: str, position: str, contract: bytes | None) -> None:
        """Stores a record of `contracts.state`, if the cache has an older state of the account.

        Args:
            account_id: its key.
            position: its `ce_sequence`.
            contract: JSON; None: there is none any more.
        """
        await self._ask(self._newer, account_id, position.partition(".")[0], contract or b"")

    async def close(self) -> None:
        """Disconnects."""
        await self._redis.aclose()

    async def _keep(self, account_id: str, began: int, contract: Contract | None) -> None:
        if contract is None:
            await self._ask(self._gone, account_id, self._age)
            return
        offset = f"{contract['lifecycle']['offset']:019d}"
        await self._ask(self._fill, account_id, began, self._age, offset, to_json(visible(contract)))

    async def _ask(self, script: Any, account_id: str, *arguments: Any) -> Any:
        """The answer of a script; None: Redis does not answer.

        Then Redis is not used until all its present entries are too old: meanwhile this process answers
            from the
        database, and its answers may be newer than those entries.
        """
        if monotonic() < self._away_until:
            return None
        try:
            async with asyncio.timeout(SECONDS):
                answer = await script(keys=[f"{self._prefix}contract:{account_id}"], args=arguments)
        except Exception as error:  # noqa: BLE001 - whatever it is, the database knows
            self._away_until = monotonic() + self._age / 1000
            if not self._reported:
                log.warning(
                    "the cache does not answer; reading from the database: %s", str(error) or "timeout"
                )
            self._reported = True
            return None
        if self._reported:
            log.info("the cache answers again")
            self._reported = False
        return answer if answer is not None else 0
