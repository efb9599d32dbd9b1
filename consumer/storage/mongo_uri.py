"""The driver's complaints about a connection string, each with the name of the setting."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from pymongo.errors import PyMongoError
from pymongo.uri_parser import parse_uri

from consumer.errors import SettingsError
from consumer.settings_sources import hide_credentials

if TYPE_CHECKING:
    from collections.abc import Iterator

_REFUSALS: Final = (PyMongoError, ValueError, TypeError, OSError, UserWarning)
"""What the driver raises, or only warns of, for an invalid connection string."""


@contextmanager
def refused_uri(uri: str, name: str = "CONTRACTS_MONGO_URI") -> Iterator[None]:
    """Use it around the creation of a client, or around parsing.

    The driver only warns of an unknown option or of an invalid value, and ignores it: then `tls=maybe` would
    mean no encryption.

    Raises:
        SettingsError: instead of the driver's own error.
    """
    try:
        with _strictly():
            yield
    except _REFUSALS as error:
        option = _culprit(uri)
        where = f" option {option}:" if option else ""
        raise SettingsError([f"{name}:{where} {hide_credentials(str(error))}"]) from error


def _culprit(uri: str) -> str | None:
    """The name of the option that the driver refuses; None: it is not a single option."""
    for option in uri.partition("?")[2].split("&"):
        try:
            with _strictly():
                parse_uri(f"mongodb://localhost/?{option}", validate=True, warn=False)
        except _REFUSALS:
            return option.partition("=")[0]
    return None


@contextmanager
def _strictly() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        yield
