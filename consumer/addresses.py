"""Whether addresses of Kafka and MongoDB can be ones at all: a slip is told by its setting."""

from __future__ import annotations

import re
from typing import Final

_HOST: Final = re.compile(r"(?=.{1,254}$)[\w-]{1,63}(\.[\w-]{1,63})*\.?")
_ADDRESS_6: Final = re.compile(r"\[[0-9A-Fa-f:.]+(%\w+)?\]")
_BARE_ADDRESS_6: Final = re.compile(r"[0-9A-Fa-f]*:[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*")
_USER_PART: Final = re.compile(r"(?:[^%\s:@/?#\[\]]|%[0-9A-Fa-f]{2})*")
_QUOTES: Final = "\"'`"
_LAST_PORT: Final = 65_535
_SCHEMES: Final = ("mongodb://", "mongodb+srv://")
_ESCAPE: Final = "in user and password, special characters must be escaped: %40 for @, %3A for :, %2F for /"


def kafka_mistake(servers: str) -> str | None:
    """What is wrong with a list of brokers, `host:port,host:port`; None: nothing that can be seen."""
    if any(quote in servers for quote in _QUOTES):
        return "must not be in quotes: host:port, several with commas"
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
    return None if _BARE_ADDRESS_6.fullmatch(server) else _place_mistake(server)


def _place_mistake(place: str) -> str | None:
    """Of `host`, `host:port` or `[address]:port`."""
    host, separator, port = place.rpartition(":")
    if not separator or place.endswith("]"):
        host, separator, port = place, "", ""
    if not (_HOST.fullmatch(host) or _ADDRESS_6.fullmatch(host)):
        return f"{host!r} is no host name: must be host:port, several with commas"
    if separator and not (port.isascii() and port.isdigit() and 0 < int(port[:6]) <= _LAST_PORT):
        return f"the port of {host} must be a number from 1 to {_LAST_PORT}"
    return None


def mongo_mistake(uri: str) -> str | None:
    """What is wrong with a connection string, never quoting its password; None: nothing that can be seen.

    Its options are the driver's business.
    """
    if uri[:1] in _QUOTES and uri:
        return "must not be in quotes"
    if not uri.startswith(_SCHEMES):
        return "must start with mongodb:// or mongodb+srv://"
    scheme, _, rest = uri.partition("://")
    before = rest.partition("?")[0]
    user, at, behind = before.rpartition("@")
    if at and not _is_user(user):
        return _ESCAPE
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
    # What stands there may be the end of a password that has a / or ? in it: it is not shown.
    if _place_mistake(host) is not None:
        return f"a host must be name:port with a port from 1 to {_LAST_PORT}, several with commas; {_ESCAPE}"
    return None
