"""The generated pages are current, and what the hand-written ones name exists."""

import re
from pathlib import Path

import pytest

from docs.generate import PAGES, REFERENCE

ROOT = Path(__file__).parents[2]
FILES = re.compile(r"`((?:consumer|producers|schemas|tests|docs|\.ci)/[\w./-]*)`")


@pytest.mark.parametrize("name", PAGES)
def test_reference_pages_are_current(name: str) -> None:
    assert (REFERENCE / name).read_text("utf-8") == PAGES[name](), "run `make docs`"


def test_no_other_page_is_left_behind() -> None:
    assert {page.name for page in REFERENCE.iterdir()} == set(PAGES)


def test_contributing_names_files_that_exist() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    named = set(FILES.findall(text))
    assert len(named) > 10
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_decisions_are_numbered_without_a_hole() -> None:
    pages = sorted((ROOT / "docs/decisions").glob("[0-9]*.md"))
    assert [int(page.name[:4]) for page in pages] == list(range(len(pages)))
    titles = [re.match(r"# (\d+|N)\. ", page.read_text("utf-8")) for page in pages]
    assert [title and title[1] for title in titles] == ["N", *map(str, range(1, len(pages)))]


@pytest.mark.parametrize("target", ["venv", "demo", "test", "check", "bench", "chaos", "docs"])
def test_the_makefile_has_what_the_documents_promise(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)


LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")
COMING = {"docs/decisions/NNNN-title.md"}
"""The name in the template."""


@pytest.mark.parametrize("page", [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")], ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    linked = {(page.parent / link).resolve() for link in LINK.findall(page.read_text("utf-8"))}
    missing = {str(target.relative_to(ROOT)) for target in linked if not target.exists()}
    assert {link for link in missing if not link.startswith("docs/runbooks/")} <= COMING
