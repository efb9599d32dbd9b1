"""What the driver makes of a connection string: each of its complaints by the name of the setting."""

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
"""What the driver raises, or only warns of, when it is given what it cannot use."""


@contextmanager
def refused_uri(uri: str, name: str = "CONTRACTS_MONGO_URI") -> Iterator[None]:
    """Around the making of a client, or parsing.

    An option that it does not know, or a value that an option cannot have, makes the driver warn and go on
    without: then `tls=maybe` would mean no encryption.

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
    """The name of the option that the driver refuses by itself; None: it is not one alone."""
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
