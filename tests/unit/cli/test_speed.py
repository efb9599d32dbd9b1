"""What commands do without: they are quick because of what they do not import."""

import os
import subprocess
import sys
from typing import get_args

import pytest

from consumer.errors import SettingsError
from schemas.commands import COMMANDS
from schemas.events import EVENTS
from schemas.names import CommandName, EventName

SLOW = {
    "aiokafka",
    "asyncio",
    "email_validator",
    "motor",
    "prometheus_client",
    "pydantic",
    "pydantic_core",
    "pydantic_settings",
    "pymongo",
    "rich",
    "starlette",
    "structlog",
    "uvicorn",
    "uvloop",
}

ASK = """
import atexit, os, sys
atexit.register(lambda: print(*sys.modules, file=sys.stderr))
sys.argv = ["contracts", *sys.argv[1:]]
from consumer.cli.main import main
main()
"""


def imported(*arguments: str, code: int = 0, **environment: str) -> set[str]:
    """The packages that one call of the command line imports, which ends with this code."""
    command = [sys.executable, "-c", ASK, *arguments]
    ran = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
    assert ran.returncode == code, ran.stderr
    assert ran.stdout or code
    return {module.partition(".")[0] for module in ran.stderr.splitlines()[-1].split()}


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], ["publish", "--help"], ["dead-letters", "--help"], ["events", "--help"]],
    ids=" ".join,
)
def test_help_loads_nothing_slow(arguments) -> None:
    assert imported(*arguments) & SLOW == set()


@pytest.mark.parametrize(
    "words",
    [
        "contracts publ",
        "contracts publish cre",
        "contracts publish create --w",
        "contracts events --event exp",
        "contracts list --status pen",
        "contracts positions sh",
    ],
)
def test_completion_loads_nothing_slow(words) -> None:
    asked = {"COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    assert imported(_CONTRACTS_COMPLETE="complete_bash", **asked) & SLOW == set()


@pytest.mark.parametrize("arguments", ["settings", "history heads", "templates list"])
def test_what_asks_no_broker_does_not_load_its_client(arguments) -> None:
    """The commands end with a wrong setting, which they read after their imports."""
    loaded = imported(*arguments.split(), code=SettingsError.exit_code, CONTRACTS_HTTP_PORT="none")
    assert "structlog" in loaded
    assert loaded & {"aiokafka", "email_validator", "prometheus_client"} == set()


def test_the_names_are_those_of_the_tables() -> None:
    assert get_args(CommandName) == tuple(COMMANDS)
    assert get_args(EventName) == tuple(EVENTS)
