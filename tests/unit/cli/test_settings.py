"""`contracts settings`: what counts, where it comes from, and never a secret."""

from pathlib import Path
from typing import Any

import pytest

from consumer import errors
from consumer.cli.output import to_json
from consumer.settings_sections import SECTIONS

pytestmark = pytest.mark.usefixtures("as_it_was")


def listed(ran: Any) -> dict[str, tuple[str, str]]:
    return {row["setting"].removeprefix("CONTRACTS_"): (row["value"], row["origin"]) for row in ran.json}


def test_without_anything_given_all_are_defaults(contracts) -> None:
    ran = contracts("settings", "--json")
    assert ran.code == 0
    assert len(ran.json) == sum(len(section.model_fields) for section in SECTIONS)
    assert {row["origin"] for row in ran.json} == {"default"}
    assert [row for row in ran.json if row["value"] != row["default"]] == []


def test_each_value_has_its_origin(contracts, monkeypatch, tmp_path: Path) -> None:
    named, mounted = tmp_path / "named", tmp_path / "contracts_topic_prefix"
    named.write_text("9000\n")
    mounted.write_text("mounted.")
    (tmp_path / "contracts_group_id").write_text("overridden")
    monkeypatch.setenv("CONTRACTS_SECRETS_DIR", str(tmp_path))
    monkeypatch.setenv("CONTRACTS_HTTP_PORT_FILE", str(named))
    monkeypatch.setenv("CONTRACTS_NOTICE_DAYS", " 30, 7")
    monkeypatch.setenv("CONTRACTS_DEAD_LETTER_LIMIT_OFF", "1")
    monkeypatch.setenv("CONTRACTS_GROUP_ID", "mine")
    monkeypatch.setenv("CONTRACTS_HTTP_HOST", "")
    found = listed(contracts("settings", "--json"))
    assert found["HTTP_PORT"] == ("9000", f"file {named}")
    assert found["TOPIC_PREFIX"] == ("mounted.", f"file {mounted}")
    assert found["NOTICE_DAYS"] == ("30,7", "environment")
    assert found["DEAD_LETTER_LIMIT_OFF"] == ("true", "environment")
    assert found["GROUP_ID"] == ("mine", "environment")
    assert found["HTTP_HOST"] == ("127.0.0.1", "default")


SECRETS = {
    "MONGO_URI": "mongodb://app:hunter2@db/?tlsCertificateKeyFilePassword=hunter2",
    "KAFKA_SASL_PASSWORD": "hunter2",
    "KAFKA_SASL_USERNAME": "app",
    "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
    "KAFKA_SSL_KEYPASSWORD": "hunter2",
    "HTTP_BEARER_TOKEN": "hunter2",
}


@pytest.mark.parametrize("wrong", [False, True], ids=["right", "one is wrong"])
@pytest.mark.parametrize("form", [[], ["--json"]], ids=["table", "json"])
def test_no_secret_is_shown(contracts, monkeypatch, tmp_path: Path, wrong: bool, form: list[str]) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(f"CONTRACTS_{name}", value)
    if wrong:
        monkeypatch.setenv("CONTRACTS_MONGO_URI", "app:hunter2")
    ran = contracts("settings", *form)
    assert ran.code == (errors.SettingsError.exit_code if wrong else 0)
    assert "hunter2" not in ran.out + ran.err
    assert "***" in ran.out
    if not wrong:
        assert "mongodb://***@db/" in ran.out


def test_with_a_mistake_the_list_shows_what_was_given(contracts, monkeypatch) -> None:
    monkeypatch.setenv("CONTRACTS_HTTP_PORT", "99999")
    ran = contracts("settings", "--json")
    assert listed(ran)["HTTP_PORT"] == ("99999", "environment")
    assert ran.code == errors.SettingsError.exit_code
    assert "error: CONTRACTS_HTTP_PORT: " in ran.err
    assert "`contracts settings`" not in ran.err, to_json(ran.err)
