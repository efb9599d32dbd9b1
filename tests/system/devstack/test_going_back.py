"""A database set back to an earlier copy, and one that forgets what it acknowledged."""

from pathlib import Path

import pytest

from devstack.errors import ServerStateError
from tests.system.devstack.client import store, stored


def test_set_back_to_an_earlier_copy(database_server, tmp_path):
    store(database_server, "early", "in the copy")
    database_server.stop()
    database_server.copy_data(tmp_path / "copy")
    database_server.start()
    store(database_server, "late", "after the copy")
    database_server.stop()
    database_server.set_back(tmp_path / "copy")
    database_server.start()
    assert stored(database_server, "early") == "in the copy"
    with pytest.raises(ValueError, match="not enough values"):
        stored(database_server, "late")


def test_running_server_is_neither_copied_nor_set_back(database_server, tmp_path):
    store(database_server, "kept", "kept")
    with pytest.raises(ServerStateError, match="while it is stopped"):
        database_server.copy_data(tmp_path / "copy")
    with pytest.raises(ServerStateError, match="while it is stopped"):
        database_server.set_back(tmp_path / "copy")
    assert stored(database_server, "kept") == "kept"
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize("lossy", [False, True])
def test_lossy_server_runs_without_syncing(database_server, tmp_path, lossy):
    with type(database_server)(tmp_path, lossy=lossy) as server:
        command = Path(f"/proc/{server.pid}/cmdline").read_text().split("\0")
    assert ("--sync-on-commit" not in command) == lossy
    assert server.durable != lossy
