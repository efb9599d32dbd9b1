"""MongoDB-compatible servers with transactions, embedded in packages.

mongod itself is not in any package registry; where one runs, give its address instead (see `devstack.given`).
"""

import importlib.metadata
import os
import shutil
import subprocess
import sys
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from devstack.cache import cache_folder, locked
from devstack.errors import ServerStateError, ServerUnavailable
from devstack.server import Server

RUST_VERSION = "0.5.3-beta.193"
PROBE_MILLISECONDS = 2_000


def probe_mongo(uri: str) -> Mapping[str, Any]:
    """Raise unless the server is primary and takes part in a transaction; return what it says of itself."""
    with MongoClient[dict[str, Any]](uri, serverSelectionTimeoutMS=PROBE_MILLISECONDS) as client:
        hello = client.admin.command("hello")
        with client.start_session() as session, session.start_transaction():
            # A standalone mongod refuses exactly this: transactions need a replica set.
            client["devstack"]["ready"].find_one({}, session=session)
            session.abort_transaction()
        return {**hello, "version": client.server_info()["version"]}


class MongoServer(Server):
    """A MongoDB-compatible server, a replica set of one."""

    @property
    def uri(self) -> str:
        """Connection string. Direct: a client must not leave a proxy for the address the server names."""
        return self.uri_through(self.port)

    def uri_through(self, port: int) -> str:
        """Connection string for a proxy's port."""
        return f"mongodb://127.0.0.1:{port}/?directConnection=true"

    def copy_data(self, to: Path) -> None:
        """Copy the data of the stopped server, as a backup would."""
        self._need_stopped()
        shutil.copytree(self.data, to)

    def set_back(self, to: Path) -> None:
        """Replace the data of the stopped server by an earlier copy: a database restored from a backup."""
        self._need_stopped()
        shutil.rmtree(self.data, ignore_errors=True)
        shutil.copytree(to, self.data)

    def _need_stopped(self) -> None:
        if self.running:
            raise ServerStateError(f"{self.kind} is running; its data can only be copied while it is stopped")

    def _probe(self) -> None:
        probe_mongo(self.uri)

    @abstractmethod
    def _command(self) -> Sequence[str]: ...


class Secantus(MongoServer):
    """What both SecantusDB servers share.

    A lossy one does not sync its log on commit: killed, it forgets the acknowledged transactions of the last
    100 ms or so, whole ones only. That is a ready-made "database went back", and wrong for everything else.
    """

    def __init__(self, folder: Path, *, lossy: bool = False, options: Sequence[str] = ()) -> None:
        super().__init__(folder)
        self.lossy = lossy
        self.durable = not lossy
        self.options = tuple(options)

    def _command(self) -> Sequence[str]:
        durable = () if self.lossy else ("--sync-on-commit",)
        place = ("--host", "127.0.0.1", "--port", str(self.port), "--storage-path", str(self.data))
        return [str(self._program()), *place, *durable, *self.options]

    @abstractmethod
    def _program(self) -> Path: ...


class SecantusMongo(Secantus):
    """SecantusDB in Python, from PyPI. It is GPL: run as a process of its own, never imported."""

    kind = "secantus"

    @property
    def version(self) -> str:
        """Version of the package."""
        return importlib.metadata.version("secantusdb")

    def _program(self) -> Path:
        beside = Path(sys.executable).with_name("secantusd-py")
        found = str(beside) if beside.exists() else shutil.which("secantusd-py")
        if not found:
            raise ServerUnavailable("secantusd-py is not installed; needed: pip install .[embedded]")
        return Path(found)


class SecantusRust(Secantus):
    """SecantusDB in Rust: the same behaviour, several times as fast; for benchmarks."""

    kind = "secantus-rs"

    @cached_property
    def version(self) -> str:
        """Version the program states."""
        done = subprocess.run(
            [self._program(), "--version"], capture_output=True, text=True, check=True, timeout=10
        )
        return done.stdout.split()[1]  # "secantusd-rs 0.5.3-beta.193 (…)"

    def _program(self) -> Path:
        found = find_secantus_rust()
        if not found:
            raise ServerUnavailable(
                "secantusd-rs was not found: build it with `python -m devstack build-secantus-rs` "
                "or name it in CONTRACTS_SECANTUS_RS"
            )
        return found


def find_secantus_rust() -> Path | None:
    """`$CONTRACTS_SECANTUS_RS`, else on the PATH, else in the cache."""
    given = os.environ.get("CONTRACTS_SECANTUS_RS")
    if given:
        return Path(given)
    cached = cache_folder() / "secantus-rs" / "bin" / "secantusd-rs"
    on_path = shutil.which("secantusd-rs")
    return Path(on_path) if on_path else cached if cached.exists() else None


def build_secantus_rust() -> Path:
    """Build the Rust server into the cache: several minutes, needs cargo."""
    cargo = shutil.which("cargo")
    if not cargo:
        raise ServerUnavailable("cargo is not on the PATH; needed to build secantusd-rs")
    with locked("secantus-rs") as cache:
        root = cache / "secantus-rs"
        # Its declared Rust version is newer than what it needs.
        command = [cargo, "install", "secantus-mdb", "--version", RUST_VERSION, "--ignore-rust-version"]
        done = subprocess.run([*command, "--root", str(root)], check=False)
        if done.returncode:
            raise ServerUnavailable(
                f"cargo could not build secantus-mdb {RUST_VERSION}; see its output above"
            )
        return root / "bin" / "secantusd-rs"
