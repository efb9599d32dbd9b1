"""Checks the form of the addresses of servers, so that the error names the setting."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote_plus, urlsplit

_HOST: Final = re.compile(r"(?=.{1,254}$)[\w-]{1,63}(\.[\w-]{1,63})*\.?")
_ADDRESS_6: Final = re.compile(r"\[[0-9A-Fa-f:.]+(%\w+)?\]")
_BARE_ADDRESS_6: Final = re.compile(r"[0-9A-Fa-f]*:[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*")
_USER_PART: Final = re.compile(r"(?:[^%\s:@/?#\[\]]|%[0-9A-Fa-f]{2})*")
_UNACKNOWLEDGED: Final = re.compile(r"(?:^|[&;])w=\s*[+-]?[0_]+\s*(?:[&;]|$)", re.IGNORECASE)
"""`w=0`, and what else the driver reads as the number 0, once it is unescaped."""
_QUOTES: Final = "\"'`"
_LAST_PORT: Final = 65_535
_LOCAL: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_SCHEMES: Final = ("mongodb://", "mongodb+srv://")
_ESCAPE: Final = "in user and password, special characters must be escaped: %40 for @, %3A for :, %2F for /"


def kafka_mistake(servers: str) -> str | None:
    """What is wrong with a list of brokers, `host:port,host:port`; None: its form is right."""
    if any(quote in servers for quote in _QUOTES):
        return "must not be in quotes: host:port, several with commas"
    if "@" in servers:
        return "has no user: CONTRACTS_KAFKA_SASL_USERNAME and CONTRACTS_KAFKA_SASL_PASSWORD are for that"
    for server in servers.split(","):
        if (why := _broker_mistake(server.strip())) is not None:
            return why
    return None


def _broker_mistake(server: str) -> str | None:
    scheme, separator, address = server.rpartition("://")
    if separator:
        return (
            f"must be host:port without {scheme}://; "
            f"CONTRACTS_KAFKA_SECURITY_PROTOCOL is for the protocol, so write {address or 'host:port'}"
        )
    if not server:
        return "has an empty place between or beside its commas"
    return None if _BARE_ADDRESS_6.fullmatch(server) else _server_mistake(server)


def _server_mistake(server: str) -> str | None:
    """Of `host`, `host:port` or `[address]:port`."""
    host, separator, port = server.rpartition(":")
    if not separator or server.endswith("]"):
        host, separator, port = server, "", ""
    if not (_HOST.fullmatch(host) or _ADDRESS_6.fullmatch(host)):
        return f"{host!r} is no host name: must be host:port, several with commas"
    if separator and not (port.isascii() and port.isdigit() and 0 < int(port[:6]) <= _LAST_PORT):
        return f"the port of {host} must be a number from 1 to {_LAST_PORT}"
    return None


def mongo_mistake(uri: str) -> str | None:
    """What is wrong with a connection string, without its password; None: its form is right.

    The driver checks its options; with `w=0` it would not say whether a write has failed.
    """
    if uri[:1] in _QUOTES and uri:
        return "must not be in quotes"
    if not uri.startswith(_SCHEMES):
        return "must start with mongodb:// or mongodb+srv://"
    scheme, _, rest = uri.partition("://")
    before, _, options = rest.partition("?")
    user, at, behind = before.rpartition("@")
    if at and not _is_user(user):
        return _ESCAPE
    if _UNACKNOWLEDGED.search(unquote_plus(options)):
        return "option w: with 0 MongoDB does not answer writes, which transactions need: leave it out"
    hosts = behind.partition("/")[0].split(",")
    if scheme == "mongodb+srv":
        return _srv_mistake(hosts)
    mistakes = (_mongo_host_mistake(host) for host in hosts)
    return next((why for why in mistakes if why is not None), None)


def _is_user(text: str) -> bool:
    """`user` or `user:password`."""
    parts = text.split(":")
    return len(parts) <= 2 and all(_USER_PART.fullmatch(part) for part in parts)  # noqa: PLR2004


def _srv_mistake(hosts: list[str]) -> str | None:
    if len(hosts) > 1 or ":" in hosts[0]:
        return "mongodb+srv:// takes one host without a port: DNS has the rest"
    return _mongo_host_mistake(hosts[0])


def _mongo_host_mistake(host: str) -> str | None:
    if not host:
        return "names no host, or has an empty place between or beside its commas: mongodb://host:27017"
    if host.endswith(".sock"):
        return None
    # This may be the end of a password that contains a / or ?: do not show it.
    if _server_mistake(host) is not None:
        return f"a host must be name:port with a port from 1 to {_LAST_PORT}, several with commas; {_ESCAPE}"
    return None


def issuer_mistake(url: str) -> str | None:
    """What is wrong with the address of an issuer; None: nothing that can be seen."""
    if not is_safe(url):
        return "must start with https://, or with http:// on this machine: its keys decide who gets in"
    if any(char.isspace() or not char.isprintable() for char in url):
        return "must have no spaces or line breaks"
    parts = urlsplit(url)
    if parts.query or parts.fragment or parts.username is not None:
        return "must have no ? and no #, and no user"
    if _server_mistake(parts.netloc) is not None:
        return f"must have a host name, and a port from 1 to {_LAST_PORT} if any"
    return None


def cache_mistake(url: str) -> str | None:
    """What is wrong with the address of Redis, without its password; None: its form is right.

    The client checks its options. A password that is not escaped would be taken for a port, and a database
    that is no number would be number 0.
    """
    if url[:1] in _QUOTES and url:
        return "must not be in quotes"
    scheme, _, rest = url.partition("://")
    if scheme == "unix":
        return None
    if scheme not in {"redis", "rediss"}:
        return "must start with redis://, rediss:// (with TLS) or unix://"
    user, at, behind = rest.partition("?")[0].rpartition("@")
    if at and not _is_user(user):
        return _ESCAPE
    server, _, database = behind.partition("/")
    if not server or _server_mistake(server) is not None:  # maybe a part of a password: not shown
        return f"must be redis://host:port/0 with a port from 1 to {_LAST_PORT}; {_ESCAPE}"
    return None if database.isdecimal() or not database else "the database behind the / must be a number"


def is_local(host: str) -> bool:
    """Whether it is this machine itself."""
    return host in _LOCAL


def is_safe(url: str) -> bool:
    """Whether nobody on the way to a web address can change the answer."""
    try:
        parts = urlsplit(url)
    except ValueError:  # such as a [ without its ]
        return False
    local = parts.scheme == "http" and parts.hostname in _LOCAL
    return local or (parts.scheme == "https" and bool(parts.hostname))
