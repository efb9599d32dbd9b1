"""The databases of the readers' tests."""

from tests.reading.conftest import client, kit, mongo, queries

__all__ = ["client", "kit", "mongo", "queries"]
