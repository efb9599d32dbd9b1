"""The glossary is kept: no text contains an expression of its table of words that are not used."""

import re

import pytest

from tests.docs.texts import GLOSSARY, Text, prose, python_texts, texts

_ROW = re.compile(r"^\| (`[^|]+`) \| ([^|]+) \|$", re.MULTILINE)
_QUOTED = re.compile(r"`([^`]+)`")


def _unused(heading: str) -> dict[str, str]:
    """Each expression of a table that is not used, with what to say instead."""
    table = GLOSSARY.read_text("utf-8").partition(f"| {heading} | say |")[2].partition("\n\n")[0]
    return {name: instead for names, instead in _ROW.findall(table) for name in _QUOTED.findall(names)}


UNUSED = _unused("do not say")
AMBIGUOUS = _unused("do not say here")
OPERATORS = (
    "consumer/",
    "producers/",
    "schemas/",
    "docs/runbooks/",
    "docs/reference/settings.md",
    "docs/reference/metrics.md",
    "docs/reference/command-line.md",
)
"""What operators read, and the code that they may have to read."""


def pattern(expression: str) -> re.Pattern[str]:
    """The expression as whole words, over line breaks, in any case."""
    words = (re.escape(word).replace(r"\*", r"\w*") for word in expression.split())
    return re.compile(r"\b" + r"\s+".join(words) + r"(?!\w)", re.IGNORECASE)


def found(expression: str, where: list[Text]) -> list[str]:
    """Where the expression occurs, as `file:line`."""
    search = pattern(expression)
    return [
        f"{text.file}:{text.line + text.text[: hit.start()].count(chr(10))}"
        for text in where
        for hit in search.finditer(text.text)
    ]


@pytest.fixture(scope="module")
def everything() -> list[Text]:
    return list(texts())


def test_there_is_a_table_and_there_are_texts(everything: list[Text]) -> None:
    assert len(UNUSED) >= 10
    assert len(AMBIGUOUS) >= 10
    files = {text.file for text in everything}
    assert {"README.md", "docs/operate.md", "consumer/settings.py", "schemas/meanings.py"} <= files


@pytest.mark.parametrize("expression", UNUSED)
def test_nobody_says(expression: str, everything: list[Text]) -> None:
    assert found(expression, everything) == [], f"say instead: {UNUSED[expression]}"


@pytest.mark.parametrize("expression", AMBIGUOUS)
def test_operators_read_no_word_of_several_meanings(expression: str, everything: list[Text]) -> None:
    where = [text for text in everything if text.file.startswith(OPERATORS)]
    assert found(expression, where) == [], f"say instead: {AMBIGUOUS[expression]}"


def test_no_word_is_explained_twice() -> None:
    terms = GLOSSARY.read_text("utf-8").partition("## Words that are not used")[0]
    words = re.findall(r"^\| ([a-z -]+) \| [A-Z]", terms, re.MULTILINE)
    assert len(words) >= 30
    assert len(words) == len(set(words))


def test_an_expression_is_found_in_docstrings_comments_and_sentences() -> None:
    source = '"""It is\nmade up."""\nHELP = "made up here"\nmade_up = 1  # made up\n'
    where = [Text("a.py", line, text) for line, text in python_texts(source)]
    assert found("made up", where) == ["a.py:2", "a.py:3", "a.py:4"]
    assert found("mad*", where) == ["a.py:2", "a.py:3", "a.py:4"]
    assert found("made upon", where) == []


def test_code_in_pages_is_passed_over() -> None:
    page = "see `made up`\n```sh\nmade up\n```\nmade up\n"
    where = [Text("a.md", number, line) for number, line in enumerate(prose(page).splitlines(), start=1)]
    assert found("made up", where) == ["a.md:5"]
