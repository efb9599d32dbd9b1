"""`contracts history …`: what happened to an account, and whether the history is as it was written."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from typer.core import TyperGroup

from consumer.cli.account import AccountId  # noqa: TC001 - typer reads the annotations
from consumer.cli.listing import After, Limit, opened_reader, print_page
from consumer.cli.output import Json, as_text, progress, table_or_json
from consumer.cli.running import load_settings, run_async
from consumer.errors import HistoryTampered
from schemas.topics import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from consumer.operator.history_check import Checked
    from consumer.reading.views import HistoryChange, HistoryItem
    from consumer.storage.chain import Head

VALUE_LENGTH: Final = 40
"""Of a value in a table of the history; --json has it whole."""

HISTORY: Final = ("occurred_at", "command", "outcome", "code", "by", "version", "changes")
CHECKED: Final = ("partition", "entries", "erased", "pruned", "unproven", "finding", "head")


class HistoryGroup(TyperGroup):
    """`contracts history ACCOUNT` is short for `contracts history show ACCOUNT`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Add `show` where no command is named."""
        if args and args[0] not in {*self.commands, *ctx.help_option_names}:
            args = ["show", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=HistoryGroup,
    help="The history of an account, and whether it is genuine.",
    no_args_is_help=True,
    epilog="`contracts history ACCOUNT` is short for `contracts history show ACCOUNT`.",
)


@app.command()
def show(
    account_id: AccountId,
    limit: Limit = 100,
    after: After = None,
    *,
    oldest_first: Annotated[
        bool, typer.Option("--oldest-first", help="Show the oldest entries first.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show the history of an account.

    One row for each command: outcome, who requested it, changed fields with their values before and after.

    Example: contracts history acme --oldest-first
    """

    async def ask() -> tuple[list[dict[str, Any]], str | None]:
        async with opened_reader() as reader:
            page = await reader.history(account_id, newest_first=not oldest_first, limit=limit, after=after)
        return [_history_row(item, as_json=as_json) for item in page.items], page.next

    print_page(ask(), HISTORY, as_json=as_json)


@app.command()
def verify(
    partition: Annotated[
        list[int] | None,
        typer.Option(metavar="N", help="Only this partition. Can be repeated.", show_default=False),
    ] = None,
    head: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HEAD",
            help="A head that `contracts history heads` printed earlier. Can be repeated.",
            show_default=False,
        ),
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """Check that nobody but the service has changed the history.

    Reads the history in the order in which it was written, and computes the hash of each entry from the one
    before. Names the first entry of each partition that was changed, removed or inserted. The service can run
    meanwhile.

    Example: contracts history verify --head 0:1200:5f0c…
    """
    from consumer.operator.history_check import head_of

    heads = [head_of(text) for text in head or ()]
    found = run_async(
        _verify(partition, heads),
        interrupted="nothing was changed; run it again",
        waiting_for=lambda: None,  # it takes longer anyway, and shows its progress
    )
    table_or_json([_row(one) for one in found], CHECKED, as_json=as_json)
    if broken := [one for one in found if one.finding]:
        one = broken[0]
        where = "" if one.partition is None else f"partition {one.partition}: "
        raise HistoryTampered(f"{where}{one.finding}")


@app.command()
def heads(*, as_json: Json = False) -> None:
    """Print the hash of the newest entry of each partition.

    Keep them where nobody who can write to the database can change them: `contracts history verify --head`
    then also finds a history of which all hashes were computed again.

    Example: contracts history heads
    """
    rows = [{"head": str(one)} for one in run_async(_heads())]
    table_or_json(rows, ("head",), as_json=as_json)


async def _verify(partitions: Sequence[int] | None, heads: Sequence[Head]) -> list[Checked]:
    from consumer.clients import opened_mongo
    from consumer.operator.history_check import HistoryCheck
    from consumer.storage.chain_pages import ChainPages

    settings = load_settings()
    async with opened_mongo(settings) as client:
        pages = ChainPages(client, settings.mongo_database, settings.topic_prefix + COMMANDS)
        check = await HistoryCheck.begin(pages, partitions, heads)
        with progress("entries of the history", check.total) as report:
            return await check.run(report)


async def _heads() -> list[Head]:
    from consumer.clients import opened_mongo
    from consumer.storage.chain import heads_of
    from consumer.storage.chain_pages import ChainPages

    settings = load_settings()
    async with opened_mongo(settings) as client:
        pages = ChainPages(client, settings.mongo_database, settings.topic_prefix + COMMANDS)
        return heads_of((await pages.positions()).values())


def _row(one: Checked) -> dict[str, Any]:
    return asdict(one) | {"head": one.head and str(one.head)}


def _history_row(item: HistoryItem, *, as_json: bool) -> dict[str, Any]:
    row = asdict(item)
    return row if as_json else row | {"changes": "; ".join(map(_in_words, item.changes))}


def _in_words(change: HistoryChange) -> str:
    if change.window_days is not None:
        return f"{change.kind} ({change.window_days} days)"
    if change.limit is not None:
        return f"{change.kind} ({change.limit['metric']} {change.limit['threshold']} %)"
    return f"{change.kind} {', '.join(map(_difference, change.fields))}".strip()


def _difference(field: Mapping[str, Any]) -> str:
    """A field with what it was and what it became; `none` where it was not there."""
    if "erased" in field:
        return f"{field['path']} erased"
    was, now = (_shortened(as_text(field[side])) if side in field else "none" for side in ("before", "after"))
    return f"{field['path']} {was} → {now}"


def _shortened(text: str) -> str:
    if not text:
        return "empty"
    return text if len(text) <= VALUE_LENGTH else f"{text[: VALUE_LENGTH - 1]}…"
