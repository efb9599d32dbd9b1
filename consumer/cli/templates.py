"""`contracts templates …`: the versions of the plans' templates."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from consumer.cli.migrating import migrate
from consumer.cli.output import Json, document_or_json, table_or_json
from consumer.cli.running import load_settings, run_async
from consumer.errors import TemplatesRefused

if TYPE_CHECKING:
    from consumer.domain.catalogue import Catalogue
    from consumer.operator.templates import Registered
    from consumer.settings import Settings

app = typer.Typer(help="Templates of the plans, by version.", no_args_is_help=True)
app.command()(migrate)

COLUMNS = ("version", "effective_from", "in_force", "basic", "professional", "enterprise")

File = Annotated[
    str | None,
    typer.Argument(metavar="[FILE]", help="Default: the file of CONTRACTS_TEMPLATES.", show_default=False),
]


@app.command(name="list")
def list_versions(*, as_json: Json = False) -> None:
    """List the versions, with the monthly fee of each plan.

    With --json each line has the whole templates, as an entry of `versions` in the file.

    Example: contracts templates list
    """
    from consumer.domain.catalogue_file import version_data

    catalogue = load_settings().catalogue
    current = catalogue.in_force(datetime.now(UTC))
    if as_json:
        table_or_json(map(version_data, catalogue.versions), (), as_json=True)
        return
    rows = [
        {
            "version": version.number,
            "effective_from": version_data(version).get("effective_from"),
            "in_force": version is current,
            **{plan: template.base_monthly_fee for plan, template in version.templates.items()},
        }
        for version in catalogue.versions
    ]
    table_or_json(rows, COLUMNS, as_json=False)


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="PLAN@VERSION", help="Such as basic@2.", show_default=False)],
    *,
    as_json: Json = False,
) -> None:
    """Show what a contract copies from a template.

    Example: contracts templates show basic@1
    """
    from consumer.domain.dates import LAST_INSTANT
    from consumer.reading.migration import named_template

    catalogue = load_settings().catalogue
    template = named_template(name, catalogue, LAST_INSTANT)
    document_or_json(catalogue.terms(template.contract_type, template.number), as_json=as_json)


@app.command()
def check(
    file: File = None,
    *,
    previous: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Compare with this file and not with MongoDB.", show_default=False),
    ] = None,
    as_json: Json = False,
) -> None:
    """Check a file of templates before it is used.

    Refuses one with a mistake, and one that rewrites what was in force: by the versions that the service
    knows, or by the previous file. Changes nothing. Exit code 21 means that it is refused.

    Example: contracts templates check templates.json --previous templates.old.json
    """
    from consumer.domain.catalogue_changes import changed_versions, rewritten
    from consumer.operator.templates import NOTICE
    from consumer.template_file import load_catalogue

    settings = load_settings()
    mine = load_catalogue(file) if file else settings.catalogue
    if previous is not None:
        known: tuple[Catalogue, datetime | None] = (load_catalogue(previous), datetime.now(UTC) + NOTICE)
    else:
        known = run_async(_known(settings))
    there, until = known
    if until is not None and (why := rewritten(there, mine, until)):
        raise TemplatesRefused(why)
    rows = [each._asdict() for each in changed_versions(there, mine)]
    table_or_json(rows, ("number", "text", "at"), as_json=as_json, nothing="nothing new")


@app.command()
def register(file: File = None, *, as_json: Json = False) -> None:
    """Make exactly the versions of a file known to the service.

    Each process does so at its start with versions that are new. This command also changes or removes
    versions that are known and not in force yet; processes that have another file end before it matters.

    Example: contracts templates register templates.json
    """
    from consumer.template_file import load_catalogue

    settings = load_settings()
    mine = load_catalogue(file) if file else settings.catalogue
    done = run_async(_register(settings, mine), interrupted="run it again to make the rest known")
    table_or_json(
        [each._asdict() for each in done], ("number", "done"), as_json=as_json, nothing="nothing new"
    )


async def _known(settings: Settings) -> tuple[Catalogue, datetime | None]:
    from consumer.clients import opened_mongo
    from consumer.operator.templates import decided_until
    from consumer.storage.known_templates import KnownTemplates
    from schemas.topics import COMMANDS

    async with opened_mongo(settings) as client:
        database = client[settings.mongo_database]
        until = await decided_until(database, settings.topic_prefix + COMMANDS, datetime.now(UTC))
        return await KnownTemplates(database).read(), until


async def _register(settings: Settings, mine: Catalogue) -> list[Registered]:
    from consumer.clients import opened_mongo
    from consumer.operator.templates import decided_until, register
    from consumer.storage.known_templates import KnownTemplates
    from schemas.topics import COMMANDS

    async with opened_mongo(settings) as client:
        database = client[settings.mongo_database]
        until = await decided_until(database, settings.topic_prefix + COMMANDS, datetime.now(UTC))
        return await register(KnownTemplates(database), mine, until)
