"""`contracts demo`: everything at once, on embedded servers."""

from __future__ import annotations

from typing import Annotated

import typer

from consumer.errors import InputRefused


def demo(
    commands: Annotated[
        int, typer.Option(min=1, max=1_000_000, metavar="N", help="Records to publish.")
    ] = 3_000,
    *,
    keep: Annotated[bool, typer.Option("--keep", help="Stay up afterwards, to play with.")] = False,
) -> None:
    """Try everything on embedded servers, and check the outcome.

    Commands of all kinds are published, some of them hostile, and all that is stored and published is
    compared with the pure model. Ends with exit code 1 when anything was lost, doubled, reordered or
    differs.

    Example: contracts demo --keep
    """
    try:
        from devstack import demo as run
    except ImportError as error:
        raise InputRefused(
            f"the demo needs more than the service: {error.name} is not installed",
            hint="pip install 'contract-service[embedded]'",
        ) from error
    if not run.run(commands=commands, keep=keep):
        raise typer.Exit(1)
