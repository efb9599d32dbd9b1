"""Where downloaded and built programs are kept: outside the source tree, shared by all checkouts."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def cache_folder() -> Path:
    """`$CONTRACTS_DEVSTACK_CACHE`, else `~/.cache/contract-service`."""
    given = os.environ.get("CONTRACTS_DEVSTACK_CACHE")
    return Path(given) if given else Path.home() / ".cache" / "contract-service"


@contextmanager
def locked(name: str) -> Iterator[Path]:
    """Hold a lock of the cache while filling it, so that a first use by several test runs fills it once."""
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder
