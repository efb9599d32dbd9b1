"""Addresses of Redis, the issuer and the API that cannot be ones: each is a line, and no secret."""

import pytest

from consumer.addresses import cache_mistake
from consumer.errors import SettingsError
from consumer.settings import load_settings

SECRET = "hunter2"
ESCAPE = "special characters must be escaped"


@pytest.mark.parametrize(
    "url",
    [
        "redis://localhost",
        "redis://db:6379/0",
        f"rediss://app:{SECRET}%2F@db:6379/1?socket_timeout=1",
        f"redis://:{SECRET}@[::1]:6379",
        "unix:///run/redis.sock?db=1",
    ],
)
def test_addresses_of_redis(url: str) -> None:
    assert cache_mistake(url) is None
    loaded = load_settings(cache_url=url).cache_url
    assert loaded is not None
    assert loaded.get_secret_value() == url


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (f"redis://:{SECRET}/x@db", ESCAPE),
        (f"redis://:{SECRET}@x@db", ESCAPE),
        (f"redis://:{SECRET}?x@db", "a port from 1 to 65535"),
        ("redis://db:99999/0", "a port from 1 to 65535"),
        ("redis://db:x", "a port from 1 to 65535"),
        ("redis://", "must be redis://host:port/0"),
        ("redis://[::1", "must be redis://host:port/0"),
        ("redis://db/contracts", "must be a number"),
        ('"redis://db"', "must not be in quotes"),
        ("db:6379", "must start with redis://"),
        ("http://db", "must start with redis://"),
    ],
)
def test_an_address_of_redis_that_is_none_is_one_line_without_its_password(url: str, words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(cache_url=url)
    (line,) = caught.value.mistakes
    assert line.startswith("CONTRACTS_CACHE_URL: ")
    assert words in line
    assert SECRET not in line


@pytest.mark.parametrize("name", ["api_oidc_issuer", "api_url"])
@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://id:99999", "a port from 1 to 65535"),
        ("https://id:x", "a port from 1 to 65535"),
        ("https://a..b", "must have a host name"),
        ("https://a b", "must have no spaces"),
        ("https://id\n", "must have no spaces or line breaks"),
        (f"https://app:{SECRET}@id", "no user"),
    ],
)
def test_a_web_address_that_is_none_is_one_line_without_a_password(name: str, url: str, words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(**{"api_oidc_audience": "contracts", "api_oidc_issuer": "https://id", name: url})
    (line,) = caught.value.mistakes
    assert line.startswith(f"CONTRACTS_{name.upper()}: ")
    assert words in line
    assert SECRET not in line
