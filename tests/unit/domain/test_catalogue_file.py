"""The file of templates: what is right, and the path of what is wrong; and what rewrites the past."""

from __future__ import annotations

import json

import pytest

from consumer.domain.catalogue import BUILT_IN, BUILT_IN_ONLY, Catalogue
from consumer.domain.catalogue_changes import rewritten
from consumer.domain.catalogue_file import read_catalogue, version_data
from schemas.contract import to_json
from tests.unit.domain.catalogues import SECOND, THIRD, THREE, version
from tests.unit.domain.story import instant


def written(*versions: dict) -> bytes:
    return json.dumps({"versions": versions}).encode()


def as_json(number: int) -> dict:
    return json.loads(to_json(version_data(THREE.versions[number - 1])))


BASIC = "/versions/0/templates/basic"
FIRST, TWO, LAST = (as_json(number) for number in (1, 2, 3))


@pytest.mark.parametrize("versions", [(TWO, LAST), (FIRST, TWO, LAST)])
def test_the_first_version_may_be_left_out(versions):
    assert read_catalogue(written(*versions)) == THREE


@pytest.mark.parametrize("versions", [(), (FIRST,)])
def test_a_file_may_say_nothing_new(versions):
    assert read_catalogue(written(*versions)) == BUILT_IN_ONLY


def test_the_order_of_limits_in_the_file_makes_no_difference():
    """They are copied into contracts, whose bytes show it."""
    turned = json.loads(json.dumps(TWO))
    limits = turned["templates"]["basic"]["usage_limits"]
    turned["templates"]["basic"]["usage_limits"] = dict(reversed(limits.items()))
    found = read_catalogue(written(turned))
    assert to_json(version_data(found.versions[1])) == to_json(version_data(THREE.versions[1]))


def changed(base: dict, at: str, value: object) -> dict:
    made = json.loads(json.dumps(base))
    *steps, last = at.split("/")
    place = made
    for step in steps:
        place = place[step]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return made


@pytest.mark.parametrize(
    ("versions", "path", "words"),
    [
        ((changed(TWO, "version", 3),), "/versions/0/version", "must be 2"),
        ((TWO, changed(LAST, "version", 2)), "/versions/1/version", "must be 3"),
        ((changed(TWO, "effective_from", None),), "/versions/0/effective_from", "is required"),
        ((changed(TWO, "effective_from", "soon"),), "/versions/0/effective_from", "must be a date"),
        ((TWO, changed(LAST, "effective_from", SECOND)), "/versions/1/effective_from", "must be later than"),
        ((changed(FIRST, "effective_from", SECOND),), "/versions/0/effective_from", "must be left out"),
        ((changed(FIRST, "templates/basic/base_monthly_fee", 98),), "/versions/0", "as it is built in"),
        ((changed(TWO, "templates/basic/base_monthly_fee", -1),), f"{BASIC}/base_monthly_fee", "at least"),
        ((changed(TWO, "templates/basic/fee", 1),), f"{BASIC}/fee", "unknown field"),
        ((changed(TWO, "templates/basic", None),), BASIC, "is required"),
        ((changed(TWO, "templates/custom", {}),), "/versions/0/templates/custom", "unknown field"),
    ],
)  # fmt: skip
def test_mistakes_are_named_by_their_path(versions, path, words):
    [mistake] = read_catalogue(written(*versions))
    assert mistake["path"] == path
    assert words in mistake["message"]


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b'{"versions": [], "versions": []}', b"\xff", b"NaN"])
def test_anything_else_is_refused(raw):
    found = read_catalogue(raw)
    assert not isinstance(found, Catalogue)
    assert found[0]["message"]


AT = instant("2026-06-01T12:00:00")


@pytest.mark.parametrize(
    ("new", "words"),
    [
        ((BUILT_IN,), "version 2 is missing"),
        ((BUILT_IN, version(2, SECOND, dearer=11, trades=2)), "version 2 is changed"),
        ((BUILT_IN, version(2, "2026-06-02", dearer=10, trades=2)), "version 2 is changed"),
        ((BUILT_IN, THREE.versions[1], version(3, "2026-06-01T12:00:00", dearer=5)), "version 3 would be"),
        ((BUILT_IN, THREE.versions[1], version(3, "2026-06-01T12:00:00.001", dearer=5)), None),
        ((BUILT_IN, THREE.versions[1]), None),
        (THREE.versions, None),
    ],
)
def test_what_was_in_force_is_never_rewritten(new, words):
    why = rewritten(THREE, Catalogue(new), AT)
    assert why is None if words is None else words in why


def test_what_is_not_in_force_yet_may_be_changed():
    later = Catalogue((*THREE.versions[:2], version(3, "2028-01-01", dearer=1)))
    assert rewritten(THREE, later, AT) is None
    assert rewritten(THREE, later, instant(THIRD)) is not None
