"""The line to copy: a shell and `contracts publish` read from it what the form had."""

import json
import shlex

import pytest
from typer.main import get_command

from consumer.api.console.command_line import command_line
from consumer.cli.main import app

HOSTILE = ["--id", "--help", "-", "a b", "a'b", 'a"b', "$(id)", "`id`", "!1", "a\\b", "é", "*"]


@pytest.mark.parametrize("text", HOSTILE)
def test_any_value_arrives_as_it_is(text: str) -> None:
    data = json.dumps({"changes": {"notes": text}}, ensure_ascii=False)
    contracts, command, *arguments = shlex.split(command_line("update", text, text, data))
    group = get_command(app)
    context = group.make_context(contracts, ["publish"], resilient_parsing=True)
    publish = group.get_command(context, command)
    given = publish.make_context("publish", arguments, parent=context).params
    assert given["command"] == "update"
    assert (given["account_id"], given["command_id"], given["json_data"]) == (text, text, data)
    assert given["wait"]


def test_what_a_terminal_could_act_on_is_escaped() -> None:
    data = json.dumps({"notes": "\x9b2J \u202e \U000e0041"}, ensure_ascii=False)
    line = command_line("update", "acme", "1", data)
    assert line.isprintable()
    assert json.loads(shlex.split(line)[2].removeprefix("--data=")) == json.loads(data)
