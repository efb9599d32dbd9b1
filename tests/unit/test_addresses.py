"""Addresses that cannot be ones: each is a line with the setting's name, and no secret."""

from typing import get_args

import pytest

from consumer.addresses import kafka_mistake, mongo_mistake
from consumer.clients import open_mongo
from consumer.errors import InputRefused, SettingsError
from consumer.kafka.connection import kafka_options
from consumer.settings import load_settings
from consumer.storage.foreign import foreign_collection
from consumer.storage.mongo_driver import Driver

SECRET = "hunter2"


@pytest.mark.parametrize(
    "servers",
    [
        "localhost:9092",
        "kafka",
        "a:1,b:65535",
        " a:1 , b_c.svc.cluster.local:2 ",
        "10.0.0.1:9092",
        "[::1]:9092",
        "[fe80::1%eth0]:1",
        "::1",
        "höst:1",
        "host.:9092",
        f"{'a' * 63}.example:1",
    ],
)
def test_brokers(servers):
    assert kafka_mistake(servers) is None
    assert load_settings(kafka_bootstrap_servers=servers).kafka_bootstrap_servers == servers


@pytest.mark.parametrize(
    ("servers", "words"),
    [
        ('"a:1,b:2"', "must not be in quotes"),
        ("'a:1'", "must not be in quotes"),
        ('["a:1"]', "must not be in quotes"),
        ("SASL_SSL://a:9092", "must be host:port without SASL_SSL://; CONTRACTS_KAFKA_SECURITY_PROTOCOL"),
        ("a:1,PLAINTEXT://b:2", "without PLAINTEXT://"),
        ("a:99999", "the port of a must be a number from 1 to 65535"),
        ("a:0", "the port of a"),
        ("a:-1", "the port of a"),
        ("a:abc", "the port of a"),
        ("a:", "the port of a"),
        ("a:٣", "the port of a"),
        ("a:1" + "0" * 5_000, "the port of a"),
        ("[::1]:x", "the port of [::1]"),
        (":1", "is no host name"),
        ("a b:1", "is no host name"),
        ("a:1;b:2", "'a:1;b' is no host name"),
        ("a..b:1", "is no host name"),
        ("a/b:1", "is no host name"),
        (f"{'a' * 64}.example:1", "is no host name"),
        (",", "empty place"),
        ("ann:x@h:9092", "CONTRACTS_KAFKA_SASL_USERNAME"),
        ("a:1,", "empty place"),
        ("a:1,,b:2", "empty place"),
    ],
)
def test_a_list_of_brokers_that_is_none_is_one_line(servers, words):
    with pytest.raises(SettingsError) as caught:
        load_settings(kafka_bootstrap_servers=servers)
    (line,) = caught.value.mistakes
    assert line.startswith("CONTRACTS_KAFKA_BOOTSTRAP_SERVERS: ")
    assert words in line


@pytest.mark.parametrize(
    "uri",
    [
        "mongodb://localhost:27017",
        "mongodb://a:1,b,c:3/contracts?replicaSet=rs0",
        f"mongodb://app:{SECRET}%40%3A%2F%25!$&'()*+,;=@db:27017/admin",
        f"mongodb://app@db/?authMechanism=PLAIN&authSource=%24external&x={SECRET}@x",
        f"mongodb+srv://app:{SECRET}@cluster0.example.mongodb.net/?retryWrites=true&w=majority",
        "mongodb://[::1]:27017/",
        "mongodb://db/?w=1&w=0x",
        "mongodb://%2Ftmp%2Fmongodb-27017.sock/",
    ],
)
def test_connection_strings(uri):
    assert mongo_mistake(uri) is None


ESCAPE = "special characters must be escaped"


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        (f"mongodb://app:{SECRET}@x@db", ESCAPE),
        (f"mongodb://app:{SECRET}/x@db", ESCAPE),
        (f"mongodb://app:{SECRET}:x@db", ESCAPE),
        (f"mongodb://app:{SECRET}?x@db", ESCAPE),
        (f"mongodb://app:{SECRET}#x@db", ESCAPE),
        (f"mongodb://app:{SECRET}%x@db", ESCAPE),
        (f"mongodb://app:{SECRET}[@db", ESCAPE),
        (f"mongodb://app:{SECRET} @db", ESCAPE),
        ("mongodb://db:99999", "a port from 1 to 65535"),
        ("mongodb://db:x", "a port from 1 to 65535"),
        ("mongodb://a:1;b:2", "several with commas"),
        ("mongodb://a b", "a host must be name:port"),
        ("mongodb://", "names no host"),
        ("mongodb://app:x@", "names no host"),
        ("mongodb://a,,b", "empty place"),
        ("mongodb+srv://a:1", "takes one host without a port"),
        ("mongodb+srv://a,b", "takes one host without a port"),
        ('"mongodb://db"', "must not be in quotes"),
        ("'mongodb://db'", "must not be in quotes"),
        ("db:27017", "must start with mongodb://"),
        ("mongodb://db/?replicaSet=rs0&W=0", "option w: with 0 MongoDB does not answer writes"),
        ("mongodb://db/?w=+0", "option w: with 0"),
        ("mongodb://db/?w=00", "option w: with 0"),
        ("mongodb://db/?w=%30&tls=true", "option w: with 0"),
    ],
)
def test_a_connection_string_that_is_none_is_one_line_without_its_password(uri, words):
    with pytest.raises(SettingsError) as caught:
        load_settings(mongo_uri=uri)
    (line,) = caught.value.mistakes
    assert line.startswith("CONTRACTS_MONGO_URI: ")
    assert words in line
    assert SECRET not in line


REFUSED_BY_THE_DRIVER = [
    ("mongodb://db/?tls=maybe", "option tls: "),
    (f"mongodb://app:{SECRET}@db/?tls=true&tlsCAFile=/nowhere", "option tlsCAFile: "),
    ("mongodb://db/?authMechanism=FOO", "option authMechanism: "),
    ("mongodb://db/?replicaSet=rs0&typo=1", "option typo: "),
    ("mongodb://db/?timeoutMS=abc", "option timeoutMS: "),
    ("mongodb://db/?compressors=foo", "option compressors: "),
    ("mongodb://app@db", "A password is required"),
    ("mongodb://a,b/?directConnection=true", "multiple hosts"),
    ("mongodb://db/?minPoolSize=50&maxPoolSize=10", "minPoolSize"),
]


@pytest.mark.parametrize("driver", get_args(Driver))
@pytest.mark.parametrize(("uri", "words"), REFUSED_BY_THE_DRIVER)
def test_what_the_driver_refuses_or_warns_of_is_a_mistake_of_the_setting(uri, words, driver):
    with pytest.raises(SettingsError, match=r"^CONTRACTS_MONGO_URI: ") as caught:
        open_mongo(load_settings(mongo_uri=uri, mongo_max_pool_size=20, mongo_driver=driver))
    (line,) = caught.value.mistakes
    assert words in line
    assert SECRET not in line


@pytest.mark.parametrize(
    ("uri", "collection", "words"),
    [
        (f"mongodb://app:{SECRET}@x@db/crm", "a", f"--from-mongo: in user and password, {ESCAPE}"),
        ("mongodb://db/crm?tls=maybe", "a", "--from-mongo: option tls: "),
        ("mongodb://db/crm?tls=true&tlsCAFile=/nowhere", "a", "--from-mongo: option tlsCAFile: "),
        ("mongodb://db", "a", "names no database"),
        ("mongodb://db/crm", "", "--collection: collection names cannot be empty"),
        ("mongodb://db/crm", "a$b", "--collection: collection names must not contain '$'"),
    ],
)
async def test_the_source_of_an_import_is_told_by_its_option(uri, collection, words):
    with pytest.raises(InputRefused) as caught:
        async with foreign_collection(uri, collection, timeout_ms=100):
            pass
    assert words in str(caught.value)
    assert SECRET not in str(caught.value)


def test_a_token_provider_that_cannot_be_imported_for_any_reason(tmp_path, monkeypatch):
    (tmp_path / "broken_provider.py").write_text("1 +")
    monkeypatch.syspath_prepend(tmp_path)
    settings = load_settings(
        kafka_security_protocol="SASL_PLAINTEXT",
        kafka_sasl_mechanism="OAUTHBEARER",
        kafka_sasl_token_provider="broken_provider:token",
    )
    with pytest.raises(SettingsError, match="CONTRACTS_KAFKA_SASL_TOKEN_PROVIDER: SyntaxError"):
        kafka_options(settings)


def test_a_size_beyond_what_kafka_can_write_is_refused():
    """The protocol has 32 signed bits for it: the client would fail while it fetches."""
    with pytest.raises(SettingsError, match="CONTRACTS_MAX_FETCH_BYTES: should be less than"):
        load_settings(max_fetch_bytes=1 << 31)


@pytest.mark.parametrize(
    "url",
    ["https://login.example/realms/main", "http://localhost:8080", "http://127.0.0.1:1", "http://[::1]:1/a"],
)
def test_issuers(url):
    assert load_settings(api_oidc_issuer=url, api_oidc_audience="api").api_oidc_issuer == url


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://login.example", "must start with https://"),
        ("login.example", "must start with https://"),
        ("https://", "must start with https://"),
        ("http://[::1", "must start with https://"),
        ("file:///keys", "must start with https://"),
        ("https://login.example?a=b", "must have no"),
    ],
)
def test_issuers_whose_keys_could_be_anybodys(url, words):
    with pytest.raises(SettingsError, match=f"CONTRACTS_API_OIDC_ISSUER: {words}"):
        load_settings(api_oidc_issuer=url, api_oidc_audience="api")
