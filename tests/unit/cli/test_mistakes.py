"""Mistakes of users: never a defect, and each told by what is to be mended."""

import json
import subprocess
import sys
from typing import Annotated

import pytest
from pydantic import AfterValidator, TypeAdapter, ValidationError

from consumer import errors
from consumer.cli.main import publish, scan
from consumer.settings import Settings
from producers.scan_run import ScanResult
from schemas.commands import COMMANDS
from schemas.mistakes import mistakes

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
    (error,) = [line for line in ran.err.splitlines() if f"CONTRACTS_{name}: " in line]
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
    assert "nor a commit with schemas" in ran.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["get acme", "list", "indexes ensure", "stats", "history acme"])
def test_a_database_that_is_away_has_one_exit_code(contracts, monkeypatch, command) -> None:
    monkeypatch.setenv("CONTRACTS_MONGO_URI", "mongodb://127.0.0.1:1")
    monkeypatch.setenv("CONTRACTS_MONGO_TIMEOUT_MS", "100")
    assert contracts(*command.split()).code == errors.StoreError.exit_code


@pytest.mark.parametrize(
    "arguments",
    [
        "get acme --version 3",
        "get acme --id --as-of 2026-01-31",
        "get acme --as-of yesterday",
        "events --since 2026-01-31T00:00:00",
        "stats --to 2026-01-31",
        "dead-letters replay",
        "positions reset",
        "import",
        "import --from-mongo mongodb://db/crm --field plan",
        "publish create acme --set contract_type",
        "publish create acme --data [] --set a=b",
        "list --limit 0",
    ],
)
def test_arguments_that_are_wrong_by_themselves_have_one_exit_code(contracts, arguments) -> None:
    assert contracts(*arguments.split()).code == errors.WrongUsage.exit_code == 2


def test_a_scan_that_another_instance_does_is_told(contracts, monkeypatch) -> None:
    async def once(_: object) -> ScanResult:
        return ScanResult(active=False, due=0, published=0, held=0, seconds=0.0)

    monkeypatch.setattr(scan, "_once", once)
    ran = contracts("scan", "--once", "--json")
    assert (ran.code, ran.json[0]["active"]) == (0, False)
    assert ran.err == "another instance holds the scanner's lease: nothing was scanned\n"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("changes.notes=123", {"changes": {"notes": "123"}}),
        ("changes.notes=true", {"changes": {"notes": "true"}}),
        ("changes.notes=null", {"changes": {"notes": None}}),
        ('changes.notes="1"', {"changes": {"notes": "1"}}),
        ("changes.metadata.code=007", {"changes": {"metadata": {"code": "007"}}}),
        ("changes.metadata.code=7", {"changes": {"metadata": {"code": "7"}}}),
        ("changes.base_monthly_fee=7.5", {"changes": {"base_monthly_fee": 7.5}}),
        ("changes.term_months=7", {"changes": {"term_months": 7}}),
        ("changes.auto_renewal=false", {"changes": {"auto_renewal": False}}),
        ("changes.tags=[1]", {"changes": {"tags": [1]}}),
        ("changes.primary_contact.phone=0301234", {"changes": {"primary_contact": {"phone": "0301234"}}}),
        ("changes.external_reference=4711", {"changes": {"external_reference": "4711"}}),
        ("changes.no_such_field=4711", {"changes": {"no_such_field": 4711}}),
        ("requested_by=17", {"requested_by": "17"}),
    ],
)
def test_set_reads_a_value_as_its_schema_has_it(field, value) -> None:
    assert json.loads(publish._with_fields("update", b"{}", [field])) == value


def test_hints_name_nothing_that_only_the_repository_has() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    assert [kind for kind in kinds if "docs/" in str(getattr(kind, "hint", ""))] == []


def test_settings_are_listed(contracts) -> None:
    ran = contracts("settings", "--json")
    listed = {row["setting"]: row for row in ran.json}
    assert len(listed) == len(Settings.model_fields)
    assert listed["CONTRACTS_HTTP_PORT"]["default"] == "8080"
    assert listed["CONTRACTS_NOTICE_DAYS"]["default"] == "90,60,30,14,7,1"
    assert all(row["meaning"] for row in listed.values())


def run(redirected: str) -> subprocess.CompletedProcess[str]:
    command = ["sh", "-c", f"exec {sys.executable} -m consumer {redirected}"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "redirected", ["settings >/dev/full", "settings >&-", "--help >/dev/full", "--help >&-"]
)
def test_output_that_cannot_be_written_is_told(redirected) -> None:
    ran = run(redirected)
    assert ran.returncode == errors.OutputFailed.exit_code, ran.stderr
    assert ran.stderr.startswith("error: the output cannot be written: ")
    assert len(ran.stderr.splitlines()) == 1


def test_without_stderr_a_command_works_all_the_same() -> None:
    ran = run("settings 2>&-")
    assert (ran.returncode, ran.stdout[:7]) == (0, "setting")


@pytest.mark.parametrize(
    ("address", "accepted"),
    [
        ("joe@example.com", True),
        ("jörg@müller.example", True),
        ("joe@crm", False),
        ("joe", False),
        ("joe@crm.local", False),
        ("joe@crm.test", False),
        ("joe@localhost", False),
        ("joe@[127.0.0.1]", False),
        ("joe@example.1", False),
    ],
)
def test_an_address_has_a_domain_that_mail_can_reach(contracts, monkeypatch, address, accepted) -> None:
    monkeypatch.setenv("CONTRACTS_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    ran = contracts("publish", "update", "acme", "--set", f"changes.primary_contact.email={address}")
    assert ran.code == (errors.LogError if accepted else errors.InputRefused).exit_code
    rule = "/changes/primary_contact/email is not an e-mail address with a domain that mail can reach"
    assert (rule in ran.err) == (not accepted)


def test_no_label_of_pydantic_is_shown() -> None:
    def refuse(_: object) -> None:
        raise ValueError("is {odd}")

    shape = TypeAdapter(Annotated[str, AfterValidator(refuse)])
    with pytest.raises(ValidationError) as caught:
        shape.validate_python("x")
    ((mistake),) = mistakes(COMMANDS["create"], caught.value)
    assert mistake["message"] == "is {odd}"
