"""`contracts …`: the list of commands. Each group is in its own file in consumer/cli/."""

from __future__ import annotations

import logging
import sys
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from consumer.cli import (
    account,
    checkpoint,
    dead_letters,
    demo,
    doctor,
    events,
    expiring,
    history,
    imports,
    indexes,
    listing,
    positions,
    preview,
    publish,
    result,
    scan,
    schemas,
    service,
    settings,
    shadow,
    state,
    statistics,
    templates,
    tokens,
    topics,
)
from consumer.cli.running import (
    EXIT_CODES,
    exit_code_of,
    open_closed_streams,
    print_version,
    refuse_bytes,
)

EPILOG: Final = (
    "Settings come from CONTRACTS_… environment variables. Exit codes: "
    + ", ".join(f"{code} {meaning}" for code, meaning in EXIT_CODES.items())
    + "."
)


class Commands(TyperGroup):
    """Lists the commands in `--help` under the headings of their groups."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write a list of commands for each heading."""
        listed: list[tuple[str, Any]] = [
            (name, self.get_command(ctx, name)) for name in self.list_commands(ctx)
        ]
        room = formatter.width - max(len(name) for name, _ in listed) - 6
        for heading in dict.fromkeys(each.rich_help_panel for _, each in listed):
            with formatter.section(heading):
                of_heading = [each for each in listed if each[1].rich_help_panel == heading]
                formatter.write_dl([(name, each.get_short_help_str(room)) for name, each in of_heading])


app = typer.Typer(
    name="contracts",
    cls=Commands,
    help="Contract commands from Kafka, applied to MongoDB exactly once, published as events.",
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # its tracebacks would show contracts and passwords in local variables
    rich_markup_mode=None,  # loading rich would take longer than the rest of --help
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command(rich_help_panel="Run")(demo.demo)
app.command(rich_help_panel="Run")(service.run)
app.command(rich_help_panel="Run")(service.consume)
app.command(rich_help_panel="Run")(scan.scan)
app.command(rich_help_panel="Run")(service.serve)
app.command(rich_help_panel="Write")(publish.publish)
app.command(name="import", rich_help_panel="Write")(imports.import_rows)
app.command(rich_help_panel="Read")(account.get)
app.command(name="list", rich_help_panel="Read")(listing.list_contracts)
app.command(rich_help_panel="Read")(expiring.expiring)
app.command(rich_help_panel="Read")(preview.preview)
app.add_typer(history.app, name="history", rich_help_panel="Read")
app.command(rich_help_panel="Read")(account.usage)
app.command(rich_help_panel="Read")(result.result)
app.command(rich_help_panel="Read")(statistics.stats)
app.command(rich_help_panel="Read")(events.events)
app.add_typer(dead_letters.app, name="dead-letters", rich_help_panel="Operate")
app.add_typer(topics.app, name="topics", rich_help_panel="Operate")
app.add_typer(indexes.app, name="indexes", rich_help_panel="Operate")
app.add_typer(positions.app, name="positions", rich_help_panel="Operate")
app.add_typer(checkpoint.app, name="checkpoint", rich_help_panel="Operate")
app.add_typer(state.app, name="state", rich_help_panel="Operate")
app.add_typer(templates.app, name="templates", rich_help_panel="Operate")
app.add_typer(tokens.app, name="tokens", rich_help_panel="Operate")
app.command(rich_help_panel="Operate")(doctor.doctor)
app.command(rich_help_panel="Operate")(shadow.shadow)
app.command(rich_help_panel="Operate")(settings.settings)
app.add_typer(schemas.app, name="schemas", rich_help_panel="Develop")


@app.callback()
def common_options(
    *,
    version: Annotated[  # noqa: ARG001 - handled by its callback
        bool,
        typer.Option("--version", help="Show the version and exit.", callback=print_version, is_eager=True),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Log everything, with tracebacks, to stderr.")
    ] = False,
) -> None:
    """Options of every command. Logging is set up later, by the commands that need it."""
    logging.getLogger().setLevel("DEBUG" if debug else "CRITICAL")


def main() -> None:
    """The entry point: runs the command line and exits with its code."""
    open_closed_streams()
    sys.exit(exit_code_of(_run))


def _run() -> object:
    refuse_bytes(sys.argv[1:])
    return app(prog_name="contracts", standalone_mode=False)
