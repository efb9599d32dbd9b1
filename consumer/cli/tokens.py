"""`contracts tokens`: who may use the HTTP API."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from consumer.cli.output import Json, document_or_json

app = typer.Typer(help="Tokens of the HTTP API.", no_args_is_help=True)


class RoleName(StrEnum):
    """As in consumer/api/tokens.py, which help must not load."""

    reader = "reader"
    publisher = "publisher"
    operator = "operator"


@app.command()
def new(
    name: Annotated[
        str,
        typer.Argument(
            help="Whose token it is: commands sent with it are `requested_by` this.", show_default=False
        ),
    ],
    *,
    role: Annotated[
        RoleName, typer.Option(help="What it may do; each role may what those before it may.")
    ] = RoleName.reader,
    personal: Annotated[bool, typer.Option("--personal", help="It may see personal data.")] = False,
    as_json: Json = False,
) -> None:
    """Make a token, and its line for the file of tokens.

    The token is shown this once and kept nowhere; the line holds its hash. Add the line to the file that
    CONTRACTS_API_TOKENS_PATH names: the API reads it again by itself.

    Example: contracts tokens new billing --role publisher
    """
    from consumer.api.tokens import new_token

    token, line = new_token(name, role.value, personal=personal)
    document_or_json({"token": token, "line": line}, as_json=as_json)
