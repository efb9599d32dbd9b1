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
            help="Name of the owner: the `requested_by` of commands sent with this token.",
            show_default=False,
        ),
    ],
    *,
    role: Annotated[
        RoleName, typer.Option(help="Role of the token. Each role includes the rights of the ones before it.")
    ] = RoleName.reader,
    personal: Annotated[bool, typer.Option("--personal", help="Show personal data to this token.")] = False,
    as_json: Json = False,
) -> None:
    """Create a token for the HTTP API.

    Prints the token, and a line with its hash for the token file. The token is not stored and cannot be
    shown again. Append the line to the file CONTRACTS_API_TOKENS_PATH; no restart is needed.

    Example: contracts tokens new billing --role publisher
    """
    from consumer.api.tokens import new_token

    token, line = new_token(name, role.value, personal=personal)
    document_or_json({"token": token, "line": line}, as_json=as_json)
