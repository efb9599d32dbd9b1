"""The version of this program."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def service_version() -> str:
    """The installed version, or `unknown` in a bare checkout."""
    try:
        return version("contract-service")
    except PackageNotFoundError:
        return "unknown"
