"""The command line as its users meet it: exit codes, error lines, what goes where."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from consumer import errors
from consumer.cli import main as cli
from consumer.cli.running import EXIT_CODES, exit_code_of, run_async
from consumer.version import service_version

GROUPS = [group.name for group in cli.app.registered_groups]
CODES = [error for error in vars(errors).values() if isinstance(error, type)]

pytestmark = pytest.mark.usefixtures("as_it_was")


def test_help_lists_the_commands_and_the_exit_codes(contracts) -> None:
    ran = contracts("--help")
    assert ran.code == 0
    assert "publish" in ran.out
    words = " ".join(ran.out.split())
    for code, meaning in EXIT_CODES.items():
        assert f"{code} {meaning}" in words


def test_the_version_is_the_one_that_metrics_show(contracts) -> None:
    ran = contracts("--version")
    assert (ran.code, ran.out, ran.err) == (0, f"{service_version()}\n", "")


def test_every_command_explains_itself_and_its_options() -> None:
    group = typer.main.get_command(cli.app)
    commands = [group]
    while commands:
        command = commands.pop()
        commands += getattr(command, "commands", {}).values()
        assert command.help, command.name
        assert [option.name for option in command.params if not getattr(option, "help", "")] == [], (
            command.name
        )
        options = command.get_help(typer.Context(command)).partition("Options:")[2]
        assert not re.search(r"<\w+[\[ >]", options), options  # types of Python: <list[str]>, <int range>


@pytest.mark.parametrize("group", [[], *([name] for name in GROUPS)], ids=" ".join)
def test_a_list_of_commands_says_all_of_what_each_does(contracts, group: list[str]) -> None:
    """Typer cuts at 62 characters what has no full stop before."""
    assert [line for line in contracts(*group, "--help").out.splitlines()[1:] if line.endswith("...")] == []


@pytest.mark.parametrize(
    ("arguments", "error", "path"),
    [
        (["topic"], "No such command 'topic'. Did you mean 'topics'?", "contracts"),
        (["topics", "ensur"], "No such command 'ensur'. Did you mean 'ensure'?", "contracts topics"),
        (["publish", "create"], "Missing argument", "contracts publish"),
        (
            ["publish", "creat", "acme"],
            "'creat' is not one of 'create', ",
            "contracts publish",
        ),
        (["events", "--foo"], "No such option: --foo", "contracts events"),
        (
            ["events", "--limit", "0"],
            "Invalid value for '--limit'",
            "contracts events",
        ),
    ],
)
def test_a_wrong_command_line_is_one_line_and_a_hint(
    contracts, arguments: list[str], error: str, path: str
) -> None:
    ran = contracts(*arguments)
    assert (ran.code, ran.out) == (2, "")
    told, hint = ran.err.splitlines()
    assert told.startswith("error: ")
    assert error in told
    assert hint == f"hint: see `{path} --help`"


@pytest.mark.parametrize("group", [[], ["dead-letters"]])
def test_a_group_without_a_command_shows_its_help(contracts, group: list[str]) -> None:
    ran = contracts(*group)
    assert ran.code == 2
    assert ran.err.startswith(f"Usage: {' '.join(['contracts', *group])} [OPTIONS] COMMAND")


def test_a_reader_that_went_away_is_no_defect() -> None:
    """`contracts … | head`: nothing is said, and the code is the one that shells give."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "consumer", "--help"]
    ran = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert (ran.returncode, ran.stderr) == (141, "")


def test_each_setting_that_is_wrong_has_a_line(contracts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTRACTS_HTTP_PORT", "99999")
    monkeypatch.setenv("CONTRACTS_MONGO_URL", "mongodb://app:hunter2@db")
    ran = contracts("topics", "ensure")
    assert ran.code == errors.SettingsError.exit_code
    assert ran.err.splitlines() == [
        "error: CONTRACTS_MONGO_URL: there is no such setting; did you mean CONTRACTS_MONGO_URI?",
        "error: CONTRACTS_HTTP_PORT: should be less than or equal to 65535, not '99999'",
        "hint: `contracts settings` lists all settings with their meanings and defaults",
    ]
    assert ran.out == ""


@pytest.mark.parametrize(
    "command",
    [
        "topics ensure",
        "positions show",
        "events",
        "dead-letters list",
        "scan --once",
        "publish create acme --set contract_type=basic",
    ],
)
def test_a_server_that_is_away_is_told_in_one_line_with_a_hint(
    contracts, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("CONTRACTS_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    ran = contracts(*command.split())
    assert ran.code == errors.LogError.exit_code
    error, hint = ran.err.splitlines()
    assert error.startswith("error: Kafka at 127.0.0.1:1 does not answer: [Errno 111]")
    assert hint.startswith("hint: is Kafka running")


def test_debug_adds_the_traceback_without_secrets(contracts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTRACTS_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setenv("CONTRACTS_MONGO_URI", "mongodb://app:hunter2@db")
    ran = contracts("--debug", "topics", "ensure")
    assert "Traceback" in ran.err
    assert "BrokerUnavailable" in ran.err
    assert "hunter2" not in ran.err


def test_a_defect_is_one_line_too(capsys: pytest.CaptureFixture[str]) -> None:
    def broken() -> None:
        raise KeyError("mongodb://app:hunter2@db\nsecond line")

    assert exit_code_of(broken) == 1
    error, hint = capsys.readouterr().err.splitlines()
    assert error.startswith("error: KeyError: 'mongodb://***@db")
    assert "--debug" in hint


def test_errors_print_no_credentials(capsys: pytest.CaptureFixture[str]) -> None:
    def away() -> None:
        raise errors.StoreUnavailable("mongodb://app:hunter2@db:27017: refused")

    assert exit_code_of(away) == errors.StoreError.exit_code
    assert capsys.readouterr().err.startswith("error: mongodb://***@db:27017: refused\nhint: ")


def test_interrupting_ends_with_130(capsys: pytest.CaptureFixture[str]) -> None:
    async def interrupted() -> None:
        raise KeyboardInterrupt

    assert exit_code_of(lambda: run_async(interrupted(), interrupted="how things stand")) == 130
    assert capsys.readouterr().err == "interrupted: how things stand\n"


def test_an_interruption_before_anything_is_done_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """Typer makes it an exit code."""
    assert exit_code_of(lambda: 130) == 130
    assert capsys.readouterr().err == "interrupted: nothing was changed\n"


@pytest.mark.parametrize("error", CODES, ids=lambda error: error.__name__)
def test_the_tree_in_the_docstring_has_every_error_with_its_code(error: type[errors.ContractsError]) -> None:
    assert errors.__doc__ is not None
    (line,) = [line for line in errors.__doc__.splitlines() if error.__name__ in line.split()]
    if error.__base__ is errors.ContractsError:
        assert str(error.exit_code) in line.split()


def test_exit_codes_are_told_apart() -> None:
    kinds = errors.ContractsError.__subclasses__()
    assert len({kind.exit_code for kind in kinds} | {0, 1, 2, 130}) == len(kinds) + 4


def test_position_errors_name_the_decision() -> None:
    error = errors.JournalMissing("contracts.commands", 3, position=7)
    assert str(error) == (
        "contracts.commands/3: the position in MongoDB is 7, but the journal has no progress"
    )
    assert "`contracts positions reset --partition 3 --to-database`" in error.hint


@pytest.mark.parametrize("error", errors.PositionError.__subclasses__(), ids=lambda error: error.__name__)
def test_each_decision_that_an_error_names_can_be_taken(error: type[errors.PositionError]) -> None:
    reset = typer.main.get_command(cli.app).commands["positions"].commands["reset"]
    assert error.decision in {name for option in reset.params for name in option.opts}


def test_the_module_can_be_run() -> None:
    ran = subprocess.run([sys.executable, "-m", "consumer", "-h"], capture_output=True, text=True, check=True)
    assert ran.stdout.startswith("Usage: contracts")


@pytest.mark.parametrize(
    ("words", "complete"),
    [
        ("contracts dead-l", "dead-letters"),
        ("contracts dead-letters re", "replay"),
        ("contracts publish cre", "create"),
        ("contracts list --status pen", "pending_renewal"),
    ],
)
def test_shells_complete_commands_options_and_values(words: str, complete: str) -> None:
    asked = {
        "_CONTRACTS_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(words.count(" ")),
    }
    command = [sys.executable, "-m", "consumer"]
    ran = subprocess.run(command, env=os.environ | asked, capture_output=True, text=True, check=True)
    assert ran.stdout.split() == [complete]


def test_a_folder_that_cannot_be_written_is_told(contracts, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ran = contracts("schemas", "export", str(tmp_path / "file" / "inside"))
    assert ran.code == errors.InputRefused.exit_code
    assert ran.err == f"error: cannot write to {tmp_path}/file/inside: Not a directory\n"
