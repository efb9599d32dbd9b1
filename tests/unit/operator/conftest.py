"""Stops that are planned are no news."""

from tests.unit.engine.conftest import quiet

__all__ = ["quiet"]
