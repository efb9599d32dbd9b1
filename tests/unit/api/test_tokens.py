"""The token file: its lines, and its changes."""

import os
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from consumer.api.tokens import LOOK_SECONDS, Caller, TokenFile, new_token, parse_tokens
from consumer.errors import InputRefused

HASH = "sha256:" + "0" * 64


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_line_knows_its_token_by_nothing_but_a_hash() -> None:
    token, line = new_token("billing", "publisher", personal=True)
    assert token not in line
    assert len(token) > 40
    assert list(parse_tokens(f"# ours\n\n{line}\n").values()) == [
        Caller("billing", "publisher", personal=True)
    ]
    assert new_token("billing", "publisher")[0] != token


@pytest.mark.parametrize(
    "line",
    [
        "billing publisher",
        f"billing owner {HASH}",
        f"billing publisher,secret {HASH}",
        f"billing publisher,personal,personal {HASH}",
        f"billing publisher {HASH}0",
        f"billing publisher {HASH[7:]}",
        f"bill/ing publisher {HASH}",
        f"billing publisher {HASH} more",
    ],
)
def test_a_line_that_is_none_is_named_by_its_number(line: str) -> None:
    with pytest.raises(InputRefused, match="line 2 of the token file is not NAME ROLE"):
        parse_tokens(f"# first\n{line}")


def test_no_name_and_no_token_stands_there_twice() -> None:
    one, other = new_token("a", "reader")[1], new_token("a", "reader")[1]
    for text in (f"{one}\n{other}", f"{one}\n{one.replace('a ', 'b ', 1)}"):
        with pytest.raises(InputRefused, match="line 2 of the token file repeats"):
            parse_tokens(text)


@pytest.mark.parametrize("name", ["", "a b", "é", "-a", "a" * 65, "oidc:a"])
def test_a_name_that_cannot_stand_in_the_file_is_refused(name: str) -> None:
    with pytest.raises(InputRefused, match="a token's name"):
        new_token(name, "reader")


def test_a_file_that_is_not_there_refuses_the_start(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="No such file"):
        TokenFile(tmp_path / "none")


async def test_a_line_taken_out_ends_its_token_without_a_restart(tmp_path: Path) -> None:
    token, line = new_token("a", "reader")
    file, clock = tmp_path / "tokens", Clock()
    file.write_text(line)
    tokens = TokenFile(file, clock=clock)
    assert await tokens.caller(token) == Caller("a", "reader")
    file.write_text("")
    clock.now += LOOK_SECONDS
    assert await tokens.caller(token) is None


async def test_a_file_that_became_unusable_is_told_and_what_was_read_stays_good(tmp_path: Path) -> None:
    token, line = new_token("a", "reader")
    file, clock = tmp_path / "tokens", Clock()
    file.write_text(line)
    told: list[bool] = []
    tokens = TokenFile(file, clock=clock, report=told.append)
    file.write_text("rubbish, and longer than before")
    os.utime(file, (1, 1))
    clock.now += LOOK_SECONDS
    with capture_logs() as lines:
        assert await tokens.caller(token) is not None
    assert lines[0]["event"] == "the token file cannot be read; earlier tokens stay valid"
    assert "rubbish" not in str(lines)
    file.unlink()
    clock.now += LOOK_SECONDS
    assert await tokens.caller(token) is not None
    file.write_text(line)
    clock.now += LOOK_SECONDS
    assert await tokens.caller(token) is not None
    assert told == [True, True, False], "the metric's values, for the alert"
