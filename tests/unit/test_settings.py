"""Settings: where they come from, and what a mistake looks like."""

import os
from pathlib import Path

import pytest

from consumer.domain.model import Policy
from consumer.errors import SettingsError
from consumer.settings import Settings, load_settings
from consumer.settings_sections import SECTIONS
from consumer.settings_sources import env_name, hide_credentials, is_secret

SECRET = "hunter2"


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in os.environ:
        if name.startswith("CONTRACTS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("CONTRACTS_SECRETS_DIR", str(tmp_path / "secrets"))


def mistakes() -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert str(caught.value).splitlines() == list(caught.value.mistakes)
    return list(caught.value.mistakes)


def test_the_defaults_of_the_documentation() -> None:
    settings = load_settings()
    assert (settings.mongo_database, settings.group_id, settings.scan_interval_seconds) == (
        "contracts",
        "contracts",
        60,
    )
    assert (settings.http_host, settings.http_port, settings.topic_prefix) == ("127.0.0.1", 8080, "")
    assert settings.max_command_bytes == 256 * 1024
    assert settings.policy == Policy()


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTRACTS_HTTP_PORT", "9000")
    monkeypatch.setenv("CONTRACTS_NOTICE_DAYS", "60, 7,1")
    monkeypatch.setenv("CONTRACTS_GROUP_INSTANCE_ID", "")
    settings = load_settings()
    assert (settings.http_port, settings.policy.notice_days, settings.group_instance_id) == (
        9000,
        (60, 7, 1),
        None,
    )


def test_arguments_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTRACTS_GROUP_ID", "from the environment")
    assert load_settings(group_id="given").group_id == "given"


def test_a_value_may_be_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "uri").write_text("mongodb://app:hunter2@db/\n")
    monkeypatch.setenv("CONTRACTS_MONGO_URI_FILE", str(tmp_path / "uri"))
    assert load_settings().mongo_uri.get_secret_value() == "mongodb://app:hunter2@db/"


def test_a_value_may_be_in_the_secrets_directory(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "contracts_http_bearer_token").write_text("sesame")
    token = load_settings().http_bearer_token
    assert token is not None
    assert token.get_secret_value() == "sesame"


def test_every_mistake_has_its_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in {
        "HTTP_PORT": "99999",
        "LOG_LEVEL": "loud",
        "NOTICE_DAYS": "30,x",
        "MONGO_URL": "mongodb://db",
        "MONGO_URI": f"postgres://app:{SECRET}@db",
        "KAFKA_SASL_PASSWORD_FILE": str(tmp_path / "missing"),
    }.items():
        monkeypatch.setenv(f"CONTRACTS_{name}", value)
    assert sorted(mistakes()) == [
        "CONTRACTS_HTTP_PORT: should be less than or equal to 65535, not '99999'",
        f"CONTRACTS_KAFKA_SASL_PASSWORD_FILE: cannot read {tmp_path}/missing: No such file or directory",
        "CONTRACTS_LOG_LEVEL: should be 'debug', 'info', 'warning' or 'error', not 'loud'",
        "CONTRACTS_MONGO_URI: must start with mongodb:// or mongodb+srv://",
        "CONTRACTS_MONGO_URL: there is no such setting; did you mean CONTRACTS_MONGO_URI?",
        "CONTRACTS_NOTICE_DAYS: should be a valid integer, unable to parse string as an integer, not 'x'",
    ]


PATTERNS = {"MONGO_DATABASE": "a.b", "TOPIC_PREFIX": "a b", "KAFKA_SASL_TOKEN_PROVIDER": "module"}


def test_a_pattern_is_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    with_pattern = {
        name.upper()
        for name, field in Settings.model_fields.items()
        if any(getattr(each, "pattern", None) for each in field.metadata)
    }
    assert with_pattern == PATTERNS.keys()
    for name, value in PATTERNS.items():
        monkeypatch.setenv(f"CONTRACTS_{name}", value)
    name = '1 to 63 characters without spaces and / \\ . " $ * < > : | ?'
    assert sorted(mistakes()) == [
        "CONTRACTS_KAFKA_SASL_TOKEN_PROVIDER: must be module:function, not 'module'",
        f"CONTRACTS_MONGO_DATABASE: must be a name of {name}, not 'a.b'",
        "CONTRACTS_TOPIC_PREFIX: must be at most 100 letters, digits, dots, _ and -, not 'a b'",
    ]


def test_a_value_given_twice_is_a_mistake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "group").write_text("a")
    monkeypatch.setenv("CONTRACTS_GROUP_ID", "b")
    monkeypatch.setenv("CONTRACTS_GROUP_ID_FILE", str(tmp_path / "group"))
    assert mistakes() == [
        "CONTRACTS_GROUP_ID: given twice, by CONTRACTS_GROUP_ID and by CONTRACTS_GROUP_ID_FILE"
    ]


@pytest.mark.parametrize(
    ("environment", "blamed"),
    [
        ({"KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}, "KAFKA_SASL_USERNAME"),
        ({"KAFKA_SASL_USERNAME": "app"}, "KAFKA_SASL_USERNAME"),
        ({"API_OIDC_ISSUER": "https://issuer.example"}, "API_OIDC_ISSUER"),
        ({"API_OIDC_AUDIENCE": "contracts"}, "API_OIDC_ISSUER"),
        ({"API_OIDC_CLIENT_ID": "console"}, "API_OIDC_CLIENT_ID"),
        ({"KAFKA_SSL_CERTFILE": "a.pem"}, "KAFKA_SSL_CERTFILE"),
        ({"HEARTBEAT_INTERVAL_MS": "20000"}, "HEARTBEAT_INTERVAL_MS"),
        ({"MAX_BATCH_BYTES": "2048"}, "MAX_BATCH_BYTES"),
        ({"DEAD_LETTER_LIMIT_COUNT": "1001"}, "DEAD_LETTER_LIMIT_COUNT"),
    ],
)
def test_settings_that_contradict_each_other(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], blamed: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(f"CONTRACTS_{name}", value)
    (line,) = mistakes()
    assert line.startswith(f"CONTRACTS_{blamed}: ")


def test_what_kubernetes_adds_for_a_service_is_no_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SERVICE_HOST", "SERVICE_PORT_HTTP", "PORT", "PORT_8080_TCP_ADDR", "READER_SERVICE_HOST"):
        monkeypatch.setenv(f"CONTRACTS_{name}", "tcp://10.0.0.1:8080")
    load_settings()


def test_settings_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_settings().http_port = 1  # type: ignore[misc]


def test_no_secret_is_ever_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings(
        mongo_uri=f"mongodb://app:{SECRET}@db:27017/?tls=true&tlsCertificateKeyFilePassword={SECRET}",
        kafka_security_protocol="SASL_SSL",
        kafka_sasl_username="app",
        kafka_sasl_password=SECRET,
        kafka_ssl_keypassword=SECRET,
        http_bearer_token=SECRET,
    )
    shown = [repr(settings), str(settings), str(settings.model_dump()), settings.model_dump_json()]
    assert SECRET not in "".join((*shown, settings.mongo_address))
    assert settings.mongo_address.startswith("mongodb://***@db:27017/?tls=true")


def test_no_mistake_shows_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        if is_secret(Settings, name):
            monkeypatch.setenv(env_name(name), f"broken {SECRET}")
    assert SECRET not in "".join(mistakes())
    with pytest.raises(ValueError, match="mongo_uri") as caught:
        Settings(mongo_uri=f"x://{SECRET}")  # type: ignore[arg-type]
    assert SECRET not in str(caught.value)


def test_every_setting_is_in_one_table_and_explained() -> None:
    listed = [name for section in SECTIONS for name in section.model_fields]
    assert sorted(listed) == sorted(Settings.model_fields)
    assert len(listed) == len(set(listed))
    assert [name for name in listed if not Settings.model_fields[name].description] == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("mongodb://user:p@ss@host/db", "mongodb://***@host/db"),
        ("cannot reach mongodb+srv://u:p@h1,h2/?a=b now", "cannot reach mongodb+srv://***@h1,h2/?a=b now"),
        ("mongodb://host:27017/db", "mongodb://host:27017/db"),
        ("http://host/?token=abc&x=1", "http://host/?token=***&x=1"),
        ("mail joe@example.com", "mail joe@example.com"),
    ],
)
def test_credentials_are_taken_out_of_uris(text: str, shown: str) -> None:
    assert hide_credentials(text) == shown


def test_what_an_issuers_roles_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTRACTS_API_OIDC_ROLES", "app:read=reader, app:admin = operator")
    assert load_settings().api_oidc_roles == {"app:read": "reader", "app:admin": "operator"}
    for wrong, why in (("admin", "must be NAME=ROLE"), ("admin=owner", "operator")):
        monkeypatch.setenv("CONTRACTS_API_OIDC_ROLES", wrong)
        (line,) = mistakes()
        assert line.startswith("CONTRACTS_API_OIDC_ROLES: ")
        assert why in line
