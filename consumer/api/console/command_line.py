"""A form's command as a command line to copy into a terminal."""

from __future__ import annotations

import json
from shlex import join


def command_line(name: str, account_id: str, command_id: str, data: str) -> str:
    """The `contracts publish` for a command, quoted for a POSIX shell.

    Values are after `=` or `--`, because an id may begin with a dash. The line contains the command id: if it
    is run twice, the second command is a duplicate.

    Args:
        name: of the command.
        account_id: the account.
        command_id: its id.
        data: JSON.
    """
    options = [f"--data={_visible(data)}", f"--id={command_id}", "--wait"]
    return join(["contracts", "publish", *options, "--", name, account_id])


def _visible(text: str) -> str:
    """The JSON, with escapes for characters that control a terminal or are invisible."""
    return "".join(each if each.isprintable() else json.dumps(each)[1:-1] for each in text)
