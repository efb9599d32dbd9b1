"""`contracts demo`: the service and its servers, with a load and a check of the outcome."""

from __future__ import annotations

from typing import Annotated

import typer

from consumer.errors import InputRefused


def demo(
    commands: Annotated[
        int, typer.Option(min=1, max=1_000_000, metavar="N", help="Records to publish.")
    ] = 3_000,
    *,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the servers and the service running afterwards.")
    ] = False,
) -> None:
    """Run the service on embedded servers and check the outcome.

    Publishes commands of all kinds, also malformed ones, and compares everything stored and published with
    a model of the rules. Exit code 1 means that something was lost, duplicated, reordered or different.

    Example: contracts demo --keep
    """
    try:
        from devstack import demo as run
    except ImportError as error:
        raise InputRefused(
            f"the demo needs an optional package: {error.name} is not installed",
            hint="pip install 'contract-service[embedded]'",
        ) from error
    if not run.run(commands=commands, keep=keep):
        raise typer.Exit(1)
