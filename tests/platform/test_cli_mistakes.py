"""Mistakes of users: never a defect, and each told by what is to be mended."""

import pytest

from consumer import errors

pytestmark = pytest.mark.usefixtures("as_it_was")


@pytest.mark.parametrize(
    "arguments",
    [
        ["get", "\udcff"],
        ["publish", "create", "acme", "--data", "\udcff"],
        ["publish", "create", "acme", "--set", "notes=\udcff"],
        ["list", "--reference", "\udcff"],
        ["dead-letters", "list", "--key", "\udcff"],
    ],
)
def test_an_argument_that_is_not_utf8(contracts, arguments) -> None:
    ran = contracts(*arguments)
    assert ran.code == errors.InputRefused.exit_code
    assert ran.err.startswith("error: the argument '")
    assert ran.err.endswith("\\udcff' is not UTF-8 text\n")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("KAFKA_BOOTSTRAP_SERVERS", "SASL_SSL://kafka:9092", "must be host:port without SASL_SSL://"),
        ("KAFKA_BOOTSTRAP_SERVERS", "kafka:x", "the port of kafka must be a number"),
        ("MONGO_URI", "mongodb://app:p@ss@db", "special characters must be escaped"),
        ("MONGO_URI", "mongodb://db/?tls=maybe", "option tls: "),
    ],
)
@pytest.mark.parametrize("command", ["get acme", "positions show", "indexes ensure", "run"])
def test_an_address_is_told_by_its_setting(contracts, monkeypatch, name, value, words, command) -> None:
    monkeypatch.setenv("CONTRACTS_HTTP_PORT", "0")
    monkeypatch.setenv(f"CONTRACTS_{name}", value)
    ran = contracts(*command.split())
    assert ran.code == errors.SettingsError.exit_code
    (error,) = [line for line in ran.err.splitlines() if line.startswith("error: ")]
    assert error.startswith(f"error: CONTRACTS_{name}: ")
    assert words in error


@pytest.mark.parametrize(
    ("text", "words"), [("{", "create.v1.json is not JSON"), ("5", "there are no schemas")]
)
def test_a_folder_of_schemas_that_are_none(contracts, tmp_path, text, words) -> None:
    (tmp_path / "create.v1.json").write_text(text)
    ran = contracts("schemas", "check", "--against", str(tmp_path))
    assert ran.code == errors.InputRefused.exit_code
    assert words in ran.err


def test_a_reference_that_looks_like_an_option_of_git_is_none(contracts, tmp_path) -> None:
    ran = contracts("schemas", "check", "--against", f"--output={tmp_path}/written")
    assert ran.code == errors.InputRefused.exit_code
    assert "no commit with schemas" in ran.err
    assert list(tmp_path.iterdir()) == []
