"""What imports and previews refuse before anything is sent."""

import json

import pytest

from consumer import errors

pytestmark = pytest.mark.usefixtures("as_it_was")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("list --spreadsheet-safe", "--spreadsheet-safe needs --export FILE.csv or FILE.tsv"),
        ("list --export x.jsonl --spreadsheet-safe", "--spreadsheet-safe needs --export FILE.csv"),
        ("import x.jsonl --spreadsheet-safe", "--spreadsheet-safe needs FILE.csv or FILE.tsv"),
        ("import x.csv --field plan=contract_type", "--field needs --from-mongo"),
    ],
)
def test_options_that_say_nothing_about_such_a_file_are_refused(contracts, arguments, words) -> None:
    ran = contracts(*arguments.split())
    assert ran.code == errors.WrongUsage.exit_code
    assert words in ran.err


def test_an_import_tells_each_bad_row_by_its_line(contracts, tmp_path) -> None:
    path = tmp_path / "contracts.csv"
    path.write_bytes(b'account_id;contract_type;;\n"a";basic\nb;caf\xe9\nc;"basic\nd;basic\n')
    ran = contracts("import", str(path), "--dry-run", "--json")
    assert ran.code == errors.InputRefused.exit_code
    assert json.loads(ran.out) | {"rows": 4, "refused": 2} == json.loads(ran.out)
    told = [line.partition(": ")[0] for line in ran.err.splitlines() if line.startswith("refused")]
    assert told == ["refused 3", "refused 4"]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (
            ["preview", "acme", "cancel", "--months", "3"],
            "--months cannot be used with a command or with --at",
        ),
        (
            ["preview", "acme", "--at", "30d", "--months", "3"],
            "--months cannot be used with a command or with --at",
        ),
        (["preview", "acme", "--set", "effective=end_of_term"], "--data, --set and --id need a command"),
        (["preview", "acme", "--at", "soon"], "soon is not a time"),
        (["preview", "acme", "--at", "999999999d"], "999999999d is out of range"),
        (["import", "rows.jsonl", "--at", "30d"], "--at needs --preview"),
        (["import", "rows.jsonl", "--preview", "--dry-run"], "--preview cannot be used with --dry-run"),
    ],
)
def test_a_preview_says_what_goes_with_what(contracts, arguments: list[str], error: str) -> None:
    ran = contracts(*arguments)
    assert ran.code == errors.WrongUsage.exit_code
    assert error in ran.err


def test_a_preview_refuses_what_publish_refuses_in_the_same_words(contracts) -> None:
    data = ["--set", "effective=yesterday"]
    publish, preview = (
        contracts("publish", "cancel", "acme", *data),
        contracts("preview", "acme", "cancel", *data),
    )
    assert (preview.code, preview.err) == (publish.code, publish.err)
    assert "/effective" in preview.err
