"""Runs commands and reports their errors: one line, a hint, and the exit code."""

from __future__ import annotations

import errno
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeGuard, TypeVar

import typer

from consumer.cli import logs
from consumer.cli.tables import coloured
from consumer.errors import (
    ContractsError,
    InputRefused,
    LogError,
    OutputFailed,
    ServiceUnavailable,
    SettingsError,
    StoreError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

    from consumer.settings import Settings

Result = TypeVar("Result")

_log = logging.getLogger(__name__)

_OUTPUT_ERRORS: Final = frozenset({errno.EBADF, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ENOSPC})

PATIENCE_SECONDS: Final = 2.0
"""Time without an answer after which a command prints which server it waits for."""

MONGODB: Final = "MongoDB"
KAFKA: Final = "Kafka"

DEFECT_CODE: Final = 1
USAGE_CODE: Final = 2
INTERRUPTED_CODE: Final = 130
PIPE_CODE: Final = 141

EXIT_CODES: Final = {
    0: "success",
    DEFECT_CODE: "an unexpected error",
    USAGE_CODE: "wrong command line",
    **dict(sorted((kind.exit_code, kind.label) for kind in ContractsError.__subclasses__())),
    INTERRUPTED_CODE: "Ctrl-C",
    PIPE_CODE: "the reader of the output has closed the pipe",
}
"""Every exit code with its meaning."""

_UsageError: Final[type[Any]] = typer.BadParameter.__mro__[1]
"""The class of Click, which newer versions of Typer include."""


class Interrupted(Exception):
    """Ctrl-C. The text says what was done and how to continue."""


def print_version(*, wanted: bool) -> None:
    """Print the version and exit."""
    if wanted:
        from consumer.version import service_version

        typer.echo(service_version())
        raise typer.Exit


def load_settings() -> Settings:
    """Loads the settings. Commands call it only when needed, so that help and completion stay fast."""
    from consumer.settings import load_settings as load

    set_up_logs()
    return load()


def set_up_logs() -> None:
    """Turns logging off, or on with --debug, which has set the level of the root logger."""
    debug = logging.getLogger().isEnabledFor(logging.DEBUG)
    logs.set_up("debug" if debug else "critical", "console")


def refuse_bytes(arguments: Iterable[str]) -> None:
    """Refuses arguments that are not UTF-8: Python decodes them to text that cannot be stored or sent.

    Raises:
        InputRefused: an argument is not UTF-8.
    """
    for argument in arguments:
        if any("\ud800" <= char <= "\udfff" for char in argument):
            raise InputRefused(f"the argument {argument!r} is not UTF-8 text")


def run_async(
    work: Coroutine[Any, Any, Result],
    *,
    interrupted: str | Callable[[], str] = "nothing was changed",
    waiting_for: str | Callable[[], str | None] = MONGODB,
) -> Result:
    """Run a command's coroutine. Ctrl-C cancels it and ends the process with exit code 130.

    Args:
        work: the coroutine.
        interrupted: the last line after Ctrl-C: what was done and how to continue.
        waiting_for: the server to name when there is no answer for some time; None: do not name one.
    """
    try:
        import asyncio

        set_up_logs()
        return asyncio.run(_with_patience(work, waiting_for))
    except KeyboardInterrupt:
        work.close()
        raise Interrupted(interrupted if isinstance(interrupted, str) else interrupted()) from None


async def _with_patience(
    work: Coroutine[Any, Any, Result], waiting_for: str | Callable[[], str | None]
) -> Result:
    """Does the work, and names the server that does not answer in time."""
    import asyncio

    def name_server() -> None:
        server = waiting_for if isinstance(waiting_for, str) else waiting_for()
        if server is not None:
            _say("waiting", f"for {server}{_address_of(server)}")

    timer = asyncio.get_running_loop().call_later(PATIENCE_SECONDS, name_server)
    try:
        return await work
    finally:
        timer.cancel()


def _address_of(server: str) -> str:
    settings = load_settings()
    known = {MONGODB: settings.mongo_address, KAFKA: settings.kafka_bootstrap_servers}
    return f" at {known[server]}" if server in known else ""


def exit_code_of(work: Callable[[], object]) -> int:  # noqa: PLR0911 - one exit code for each way to end
    """Do `work` and print its error to stderr. With --debug the traceback is logged, too."""
    try:
        code = work()
        sys.stdout.flush()
    except ContractsError as error:
        _log.debug("the command failed", exc_info=error)
        _print_error(error)
        return _code_of(error)
    except _UsageError as error:
        return _print_usage(error)
    except Interrupted as stopped:
        return _print_interrupted(str(stopped))
    except BrokenPipeError:
        _let_output_go()
        return PIPE_CODE
    except SystemExit as ended:
        if isinstance(ended.__context__, BrokenPipeError):  # Click has turned it into exit code 1
            return PIPE_CODE
        raise
    except Exception as error:  # noqa: BLE001 - the last resort
        _log.debug("the command failed", exc_info=error)
        if _is_of_output(error):
            _let_output_go()
            _say("error", f"the output cannot be written: {error.strerror}")
            return OutputFailed.exit_code
        _say("error", f"{type(error).__name__}: {_hidden(str(error))}")
        _say("hint", "this is an error in the program; `contracts --debug …` shows the traceback")
        return DEFECT_CODE
    if code == INTERRUPTED_CODE:  # Typer caught it, before anything was done
        return _print_interrupted("nothing was changed")
    return code if isinstance(code, int) else 0


def _code_of(error: ContractsError) -> int:
    """An unavailable server has the same exit code for every command."""
    cause = error.__cause__
    if isinstance(error, ServiceUnavailable) and isinstance(cause, StoreError | LogError):
        return cause.exit_code
    return error.exit_code


def _is_of_output(error: Exception) -> TypeGuard[OSError]:
    """Whether stdout failed: errors of other files have a file name."""
    return isinstance(error, OSError) and error.errno in _OUTPUT_ERRORS and error.filename is None


def _let_output_go() -> None:
    """Discards buffered output: Python would flush it again at exit and print another error."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def open_closed_streams() -> None:
    """Opens stdout and stderr for a process that was started without them.

    Writing to this stdout fails with the usual error; what is written to this stderr is discarded.
    """
    if sys.stdout is None:
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_RDONLY), "w")
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 - open until the process ends


def _print_interrupted(text: str) -> int:
    _say("interrupted", text)
    return INTERRUPTED_CODE


def _print_usage(error: Any) -> int:
    """Prints a usage error; for a group without a command, its help."""
    if error.__class__.__name__ == "NoArgsIsHelpError":
        typer.echo(error.ctx.get_help(), err=True)
        return USAGE_CODE
    _say("error", error.format_message())
    if error.ctx is not None:
        _say("hint", f"see `{error.ctx.command_path} --help`")
    return USAGE_CODE


def _print_error(error: ContractsError) -> None:
    for line in error.mistakes if isinstance(error, SettingsError) else [str(error)]:
        _say("error", _hidden(line))
    if error.hint:
        _say("hint", error.hint)


def _hidden(text: str) -> str:
    from consumer.telemetry.logs import hide_text

    return hide_text(text)


def _say(label: str, text: str) -> None:
    colour = typer.colors.CYAN if label in {"hint", "waiting"} else typer.colors.RED
    one_line = " ".join(text.split())
    shown = typer.style(label, fg=colour, bold=True)
    typer.echo(f"{shown}: {one_line}", err=True, color=coloured(sys.stderr))
