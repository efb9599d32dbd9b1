"""How commands run and how they fail: one readable line, a hint, and the error's exit code."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any, Final, TypeVar

import typer

from consumer.errors import ContractsError, SettingsError
from consumer.logs import get_logger, hide_text

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

Result = TypeVar("Result")

DEFECT_CODE: Final = 1
INTERRUPTED_CODE: Final = 130

EXIT_CODES: Final = {
    0: "success",
    DEFECT_CODE: "a defect",
    2: "wrong command line",
    **{kind.exit_code: kind.label for kind in ContractsError.__subclasses__()},
    INTERRUPTED_CODE: "Ctrl-C",
}
"""Every exit code, from the classes of errors."""


def run_async(work: Coroutine[Any, Any, Result]) -> Result:
    """Run a command's coroutine to its end; Ctrl-C cancels it and ends with exit code 130."""
    try:
        return asyncio.run(work)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED_CODE) from None


def exit_code_of(work: Callable[[], object]) -> int:
    """Do `work` and tell its failure on stderr. With --debug the traceback is logged, too."""
    try:
        work()
    except ContractsError as error:
        get_logger().debug("the command failed", exc_info=error)
        _tell(error)
        return error.exit_code
    except Exception as error:  # noqa: BLE001 - the last resort
        get_logger().debug("the command failed", exc_info=error)
        _say("error", f"{type(error).__name__}: {hide_text(str(error))}")
        _say("hint", "this is a defect of the program; --debug shows where")
        return DEFECT_CODE
    return 0


def _tell(error: ContractsError) -> None:
    for line in error.mistakes if isinstance(error, SettingsError) else [str(error)]:
        _say("error", hide_text(line))
    if error.hint:
        _say("hint", error.hint)


def _say(label: str, text: str) -> None:
    colour = typer.colors.RED if label == "error" else typer.colors.CYAN
    one_line = " ".join(text.split())
    typer.echo(f"{typer.style(label, fg=colour, bold=True)}: {one_line}", err=True, color=sys.stderr.isatty())
