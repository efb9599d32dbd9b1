"""What the image holds may be shipped; and a licence that may not is found."""

from email.message import Message

import pytest

from tools import licences


def test_all_that_is_shipped_is_allowed() -> None:
    found = licences.licences(licences.shipped(licences.LOCK.read_text()))
    assert len(found) > 25
    assert {name: licence for name, licence in found.items() if not licences.allowed(licence)} == {}


@pytest.mark.parametrize(
    ("headers", "licence", "allowed"),
    [
        ({"License-Expression": "MIT"}, "MIT", True),
        ({"License-Expression": "GPL-3.0-only OR MIT"}, "GPL-3.0-only OR MIT", True),
        ({"License-Expression": "MPL-2.0 AND (Apache-2.0 OR GPL-3.0-only)"}, None, True),
        ({"License-Expression": "MIT AND GPL-3.0-only"}, None, False),
        ({"Classifier": "License :: OSI Approved :: MIT License", "License": "GPL"}, "MIT", True),
        ({"Classifier": "License :: OSI Approved :: GNU General Public License v3 (GPLv3)"}, None, False),
        ({"License": "Apache License, Version 2.0"}, "Apache-2.0", True),
        ({"License": "ask us\nfor the text"}, "ask us", False),
        ({}, "unknown", False),
    ],
)
def test_licences_are_told_apart(headers: dict[str, str], licence: str | None, allowed: bool) -> None:
    package = Message()
    for name, value in headers.items():
        package[name] = value
    found = licences.licence_of(package)
    assert found == (licence or found)
    assert licences.allowed(found) is allowed
