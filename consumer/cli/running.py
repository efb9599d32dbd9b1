"""How commands run and how they fail: one readable line, a hint, and the error's exit code."""

from __future__ import annotations

import errno
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeGuard, TypeVar

import typer

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
"""Silence after which a command says what it waits for."""

MONGODB: Final = "MongoDB"
KAFKA: Final = "Kafka"

DEFECT_CODE: Final = 1
USAGE_CODE: Final = 2
INTERRUPTED_CODE: Final = 130
PIPE_CODE: Final = 141

EXIT_CODES: Final = {
    0: "success",
    DEFECT_CODE: "a defect",
    USAGE_CODE: "wrong command line",
    **dict(sorted((kind.exit_code, kind.label) for kind in ContractsError.__subclasses__())),
    INTERRUPTED_CODE: "Ctrl-C",
    PIPE_CODE: "nobody reads the output any more",
}
"""Every exit code, from the classes of errors."""

_UsageError: Final[type[Any]] = typer.BadParameter.__mro__[1]
"""Click's, or that of the Click which newer versions of Typer bring along."""


class Interrupted(Exception):
    """Ctrl-C; its text tells how things stand and how to go on."""


def tell_version(*, wanted: bool) -> None:
    """Print the version and end, if it is asked for."""
    if wanted:
        from consumer.version import service_version

        typer.echo(service_version())
        raise typer.Exit


def load_settings() -> Settings:
    """The settings, when a command needs them: help and completion are quick because they do without."""
    from consumer.settings import load_settings as load

    set_up_logs()
    return load()


def set_up_logs() -> None:
    """No logs, only what commands print; but all of them with --debug, which the root logger tells."""
    from consumer.telemetry.logs import configure_logging

    debug = logging.getLogger().isEnabledFor(logging.DEBUG)
    configure_logging("debug" if debug else "critical", "console")


def refuse_bytes(arguments: Iterable[str]) -> None:
    """Arguments that are not UTF-8: Python hands them on as text that can be neither stored nor sent.

    Raises:
        InputRefused: there is one.
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
    """Run a command's coroutine to its end; Ctrl-C cancels it and ends with exit code 130.

    Args:
        work: what the command does.
        interrupted: how things stand after Ctrl-C, and how to go on: the last line that is told.
        waiting_for: MONGODB or KAFKA, whose answer is waited for when it takes long; None: not any more.
    """
    try:
        import asyncio

        set_up_logs()
        return asyncio.run(_told(work, waiting_for))
    except KeyboardInterrupt:
        work.close()
        raise Interrupted(interrupted if isinstance(interrupted, str) else interrupted()) from None


async def _told(work: Coroutine[Any, Any, Result], waiting_for: str | Callable[[], str | None]) -> Result:
    """Does the work; says who does not answer when that takes long."""
    import asyncio

    def tell() -> None:
        server = waiting_for if isinstance(waiting_for, str) else waiting_for()
        if server is not None:
            _say("waiting", f"for {server}{_address_of(server)}")

    timer = asyncio.get_running_loop().call_later(PATIENCE_SECONDS, tell)
    try:
        return await work
    finally:
        timer.cancel()


def _address_of(server: str) -> str:
    settings = load_settings()
    known = {MONGODB: settings.mongo_address, KAFKA: settings.kafka_bootstrap_servers}
    return f" at {known[server]}" if server in known else ""


def exit_code_of(work: Callable[[], object]) -> int:  # noqa: PLR0911 - a code for each way to end
    """Do `work` and tell its failure on stderr. With --debug the traceback is logged, too."""
    try:
        code = work()
        sys.stdout.flush()
    except ContractsError as error:
        _log.debug("the command failed", exc_info=error)
        _tell(error)
        return _code_of(error)
    except _UsageError as error:
        return _tell_usage(error)
    except Interrupted as stopped:
        return _tell_interrupted(str(stopped))
    except BrokenPipeError:
        _let_output_go()
        return PIPE_CODE
    except SystemExit as ended:
        if isinstance(ended.__context__, BrokenPipeError):  # Click saw it first, and calls it 1
            return PIPE_CODE
        raise
    except Exception as error:  # noqa: BLE001 - the last resort
        _log.debug("the command failed", exc_info=error)
        if _is_of_output(error):
            _let_output_go()
            _say("error", f"the output cannot be written: {error.strerror}")
            return OutputFailed.exit_code
        _say("error", f"{type(error).__name__}: {_hidden(str(error))}")
        _say("hint", "this is a defect of the program; `contracts --debug …` shows where")
        return DEFECT_CODE
    if code == INTERRUPTED_CODE:  # Typer saw it, before anything was done
        return _tell_interrupted("nothing was changed")
    return code if isinstance(code, int) else 0


def _code_of(error: ContractsError) -> int:
    """A server that is away has one code, whether a reader asked it or an operator."""
    cause = error.__cause__
    if isinstance(error, ServiceUnavailable) and isinstance(cause, StoreError | LogError):
        return cause.exit_code
    return error.exit_code


def _is_of_output(error: Exception) -> TypeGuard[OSError]:
    """Whether it was stdout that failed: what writes to other files tells them by their names."""
    return isinstance(error, OSError) and error.errno in _OUTPUT_ERRORS and error.filename is None


def _let_output_go() -> None:
    """Python would flush what is left once more when it ends, and complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def open_closed_streams() -> None:
    """Gives a process that was started without stdout or stderr streams that can be used.

    To write to stdout fails like any other output that cannot be written; stderr is let go.
    """
    if sys.stdout is None:
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_RDONLY), "w")
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 - open until the process ends


def _tell_interrupted(text: str) -> int:
    _say("interrupted", text)
    return INTERRUPTED_CODE


def _tell_usage(error: Any) -> int:
    """A wrong command line; a group without a command gets its help."""
    if error.__class__.__name__ == "NoArgsIsHelpError":
        typer.echo(error.ctx.get_help(), err=True)
        return USAGE_CODE
    _say("error", error.format_message())
    if error.ctx is not None:
        _say("hint", f"`{error.ctx.command_path} --help` tells what there is")
    return USAGE_CODE


def _tell(error: ContractsError) -> None:
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
