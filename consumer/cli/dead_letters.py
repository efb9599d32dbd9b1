"""`contracts dead-letters …`: list, show and redrive dead letters."""

from __future__ import annotations

import base64
import sys
from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, Final, get_args

import typer

from consumer.cli.events import time_of
from consumer.cli.output import Json, document_or_json, note, progress, table_or_json
from consumer.cli.running import KAFKA, load_settings, run_async
from consumer.errors import WrongUsage
from schemas.names import DeadLetterCode

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from consumer.operator.dead_letters import DeadLetter, LetterQuery
    from consumer.operator.redrive import Redriven

app = typer.Typer(help="Dead letters: list, show, send again.", no_args_is_help=True)

ReasonName = Enum("ReasonName", {name: name for name in get_args(DeadLetterCode)}, type=str)  # type: ignore[misc]

COLUMNS: Final = ("id", "time", "reason", "path", "message", "key", "read_at")
REDRIVE_COLUMNS: Final = ("id", "reason", "key", "fate", "why")

Reasons = Annotated[
    list[ReasonName] | None,
    typer.Option(
        "--reason",
        metavar=" | ".join(get_args(DeadLetterCode)),
        help="Only this reason. Can be repeated.",
        show_default=False,
    ),
]
Key = Annotated[str | None, typer.Option(metavar="KEY", help="Only this key.", show_default=False)]
Since = Annotated[
    str | None,
    typer.Option(
        metavar="WHEN",
        help="Only from this time on, or from this long ago (15m, 2h, 7d).",
        show_default=False,
    ),
]


@app.command(name="list")
def list_(
    reason: Reasons = None,
    key: Key = None,
    since: Since = None,
    limit: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Maximum number of rows.", show_default=False)
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """List dead letters, oldest first.

    Example: contracts dead-letters list --reason schema_violation --since 7d
    """
    letters = run_async(_collected(_query(reason, key, since), limit), waiting_for=KAFKA)
    table_or_json(map(_row, letters), COLUMNS, as_json=as_json)


@app.command()
def show(
    letter_id: Annotated[
        str, typer.Argument(help="Id of the dead letter, as `list` shows it: PARTITION/OFFSET.", metavar="ID")
    ],
    *,
    value: Annotated[bool, typer.Option("--value", help="Print only the value, byte for byte.")] = False,
    as_json: Json = False,
) -> None:
    """Show one dead letter: reason, headers, key and value.

    Example: contracts dead-letters show 3/17 --value > corrected.json
    """
    from consumer.operator.dead_letters import dead_letter

    letter = run_async(dead_letter(load_settings(), letter_id), waiting_for=KAFKA)
    if value:
        sys.stdout.buffer.write(letter.value or b"")
        return
    headers = {name: _text(content) for name, content in letter.headers}
    document_or_json({**_row(letter), "headers": headers, "value": _text(letter.value)}, as_json=as_json)


@app.command()
def replay(
    letter_ids: Annotated[
        list[str] | None,
        typer.Argument(help="Ids, as `list` shows them: PARTITION/OFFSET.", metavar="ID", show_default=False),
    ] = None,
    reason: Reasons = None,
    key: Key = None,
    since: Since = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="All dead letters.")] = False,
    send: Annotated[
        bool, typer.Option("--send", help="Send them. Without this option nothing is sent.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Also send those that were already sent again.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Send dead letters to the command topic again, unchanged.

    Useful after an upgrade that accepts them. Without --send this is a dry run. Each dead letter is sent only
    once, with its headers and the additional header `contracts-replayed-from`. It is applied after all
    commands that are already in the log, also those of the same account.

    Example: contracts dead-letters replay --reason unknown_type --send
    """
    if not (everything or letter_ids or reason or key or since):
        raise WrongUsage("select dead letters by id, --reason, --key or --since, or give --all")
    query = _query(reason, key, since, letter_ids)
    again = (
        "run it again to continue: dead letters that were sent are not sent twice"
        if send
        else "nothing was sent"
    )
    done = run_async(_redriven(query, send=send, force=force), interrupted=again, waiting_for=KAFKA)
    table_or_json(map(_redriven_row, done), REDRIVE_COLUMNS, as_json=as_json)
    if send:
        note(
            f"{sum(each.fate == 'sent' for each in done)} of {len(done)} sent; they are applied after "
            f"later commands"
        )
    elif done:
        note(
            "nothing was sent: --send sends them; they are applied after all commands that are in the log now"
        )


def _query(
    reason: list[ReasonName] | None, key: str | None, since: str | None, ids: Iterable[str] | None = None
) -> LetterQuery:
    from consumer.operator.dead_letters import LetterQuery

    return LetterQuery(
        reasons=frozenset(each.value for each in reason or ()),
        key=key,
        ids=frozenset(ids or ()),
        since=None if since is None else time_of(since, datetime.now(UTC)),
    )


async def _letters(query: LetterQuery) -> AsyncIterator[DeadLetter]:
    from consumer.operator.dead_letters import dead_letters

    async for letter in dead_letters(load_settings(), query):
        yield letter


async def _collected(query: LetterQuery, limit: int | None = None) -> list[DeadLetter]:
    from contextlib import aclosing

    found = []
    async with aclosing(_letters(query)) as letters:  # type: ignore[type-var]
        async for letter in letters:
            found.append(letter)
            if len(found) == limit:
                break
    return found


async def _redriven(query: LetterQuery, *, send: bool, force: bool) -> list[Redriven]:
    from contextlib import AsyncExitStack

    from consumer.clients import opened_mongo
    from consumer.operator.redrive import Redrive
    from consumer.storage.redrives import MongoRedriveStore
    from producers.connect import make_command_producer

    settings = load_settings()
    letters = await _collected(query)
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(opened_mongo(settings))
        producer = await stack.enter_async_context(make_command_producer(settings)) if send else None
        store = MongoRedriveStore(client, settings.mongo_database)
        replayed = []
        with progress("sent" if send else "looked at", len(letters)) as done:
            async for each in Redrive(settings, store, producer, force=force).run(letters):
                replayed.append(each)
                done(1)
        return replayed


def _row(letter: DeadLetter) -> dict[str, Any]:
    return {
        "id": letter.id,
        "time": letter.time,
        "reason": letter.reason,
        "path": letter.path,
        "message": letter.message,
        "key": _text(letter.key),
        "read_at": letter.source,
    }


def _redriven_row(done: Redriven) -> dict[str, Any]:
    letter = done.letter
    fate = done.fate if done.offset is None else f"{done.fate}, offset {done.offset}"
    return {
        "id": letter.id,
        "reason": letter.reason,
        "key": _text(letter.key),
        "fate": fate,
        "why": done.why,
    }


def _text(content: bytes | None) -> str | None:
    """UTF-8 text as it is, other bytes as `base64:…`."""
    if content is None:
        return None
    try:
        return content.decode()
    except UnicodeDecodeError:
        return f"base64:{base64.b64encode(content).decode()}"
