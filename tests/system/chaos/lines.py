"""The lines between a place and servers, and how they are hurt and mended."""

from collections.abc import Callable, Iterable
from typing import Any

from devstack.proxy import Proxy

Acts = tuple[Callable[[], Any], Callable[[], Any]]
"""How something is hurt, and how it is mended."""

SLOW_SECONDS = 0.15


class Lines:
    """Several lines with one fate: a worker's to all brokers, or everybody's to one of them."""

    def __init__(self, proxies: Iterable[Proxy]) -> None:
        self._proxies = [*proxies]

    @property
    def addresses(self) -> str:
        """Where they begin, as `bootstrap_servers` wants it."""
        return ",".join(f"127.0.0.1:{proxy.port}" for proxy in self._proxies)

    def heal(self) -> None:
        """All is forwarded again."""
        for proxy in self._proxies:
            proxy.heal()

    def acts(self, what: str) -> Acts:
        """One of schedule.LINK."""
        hurts: dict[str, Callable[[Proxy], None]] = {
            "cut": Proxy.cut,
            "slow": lambda proxy: proxy.delay(SLOW_SECONDS),
            "stall": Proxy.stall,
            "swallow replies": lambda proxy: proxy.stall(replies_only=True),
        }
        return lambda: self._each(
            hurts[what]
        ), self._never_answered if what == "swallow replies" else self.heal

    def _never_answered(self) -> None:
        self._each(Proxy.cut)
        self.heal()

    def _each(self, act: Callable[[Proxy], None]) -> None:
        for proxy in self._proxies:
            act(proxy)
