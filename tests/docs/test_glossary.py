"""The glossary is kept: no text contains an expression of its table of words that are not used."""

import re

import pytest

from tests.docs.texts import GLOSSARY, Text, names, prose, python_names, python_texts, texts

_ROW = re.compile(r"^\| (`[^|]+`) \| ([^|]+) \|$", re.MULTILINE)
_QUOTED = re.compile(r"`([^`]+)`")


def _unused(heading: str) -> dict[str, str]:
    """Each expression of a table that is not used, with what to say instead."""
    table = GLOSSARY.read_text("utf-8").partition(f"| {heading} | say |")[2].partition("\n\n")[0]
    return {name: instead for names, instead in _ROW.findall(table) for name in _QUOTED.findall(names)}


UNUSED = _unused("do not say")
AMBIGUOUS = _unused("do not say here")
NOT_IN_NAMES = {
    word: instead
    for word, instead in (UNUSED | AMBIGUOUS | _unused("not in names")).items()
    if " " not in word
}
ALLOWED = {"place": "producers/bulk"}
"""Where names have a word in its one meaning: files that begin so."""
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


_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


def named(word: str, where: list[Text]) -> list[str]:
    """Where a name contains the word, as `file:line name`. Names are divided at `_` and before capitals."""
    search = pattern(word)
    return [
        f"{text.file}:{text.line} {text.text}"
        for text in where
        if any(search.fullmatch(part) for part in _WORD.findall(text.text))
        and not text.file.startswith(ALLOWED.get(word.removesuffix("s"), "nowhere"))
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


@pytest.fixture(scope="module")
def all_names() -> list[Text]:
    return list(names())


@pytest.mark.parametrize("word", NOT_IN_NAMES)
def test_no_name_contains(word: str, all_names: list[Text]) -> None:
    assert named(word, all_names) == [], f"say instead: {NOT_IN_NAMES[word]}"


def test_names_of_all_kinds_are_read() -> None:
    source = """
import told_1 as told_2
def told_3(told_4, *told_5, told_6=0, **told_7): told_8 = told_9
async def told_10(): self._told_11 = [1 for told_12 in ()]
class Told_13: told_14: int
with a as told_15, b: (told_16 := 1)
try: pass
except OSError as told_17: pass
match a:
    case [*told_18]: pass
    case {"a": told_19, **told_20}: pass
lambda told_21: 0
"""
    found = {name.lower().strip("_") for _, name in python_names(source)}
    assert found == {f"told_{number}" for number in range(2, 22)} - {"told_9"}


@pytest.mark.parametrize(
    ("name", "word", "noticed"),
    [
        ("Told", "told", True),
        ("_is_told", "told", True),
        ("ToldTerms", "told", True),
        ("TOLD_BY", "told", True),
        ("untold", "told", False),
        ("settled", "settle*", True),
        ("place_of", "place", True),
        ("replaced", "place", False),
    ],
)
def test_a_word_is_found_in_a_name(name: str, word: str, *, noticed: bool) -> None:
    assert (named(word, [Text("consumer/a.py", 1, name)]) != []) == noticed


def test_rows_of_an_import_have_a_place() -> None:
    assert named("place", [Text("producers/bulk_rows.py", 1, "place")]) == []


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
