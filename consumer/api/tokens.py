"""Tokens, and the token file: one line for each token, with its SHA-256 instead of the token itself.

    # name      role                   hash
    billing     publisher              sha256:9f86d081…
    risk-desk   reader,personal        sha256:60303ae2…

A token has 256 random bits, so a fast hash is enough: it cannot be guessed by trying. The file is
read again when it changes, so that a token whose line is removed stops working without a restart.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from secrets import token_urlsafe
from time import monotonic
from typing import TYPE_CHECKING, Final, Literal, get_args
from urllib.parse import quote

import structlog

from consumer.errors import InputRefused

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

log = structlog.get_logger()

Role = Literal["reader", "publisher", "operator"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)
"""Each role includes the rights of the ones before it."""

PERSONAL: Final = "personal"
"""A permission in addition to a role: personal data is shown."""

TOKEN_PREFIX: Final = "ct_"  # noqa: S105 - what every token begins with
"""By this prefix scanners for leaked secrets recognise a token."""

SOURCE: Final = "/contracts/api/"
"""`ce_source` of commands sent through the API is this, followed by the name of the token."""

LOOK_SECONDS: Final = 1.0
"""How long a token may still work after its line was removed."""

_SETTING: Final = "CONTRACTS_API_TOKENS_PATH names the token file; `contracts tokens new` prints its lines"

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_HASH: Final = re.compile(r"sha256:([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request. `personal`: may see personal data."""

    name: str
    role: Role
    personal: bool = False

    def may(self, role: Role) -> bool:
        """Whether the caller has this role, or a stronger one."""
        return ROLES.index(self.role) >= ROLES.index(role)

    @property
    def source(self) -> str:
        """`ce_source` of this caller's commands, so that equal ids of different callers do not collide."""
        return SOURCE + quote(self.name, safe="")


def new_token(name: str, role: Role, *, personal: bool = False) -> tuple[str, str]:
    """A new token, and its line for the file.

    Raises:
        InputRefused: the name is not allowed in the file.
    """
    if not _NAME.fullmatch(name):
        raise InputRefused("a token's name has 1 to 64 letters, digits, full stops, dashes and underscores")
    token = TOKEN_PREFIX + token_urlsafe(32)
    return token, f"{name} {role}{',' + PERSONAL if personal else ''} sha256:{_hashed(token)}"


def parse_tokens(text: str) -> dict[str, Caller]:
    """The callers in the text of a token file, by the hash of their token.

    Raises:
        InputRefused: a line is wrong; the error has its number.
    """
    found: dict[str, Caller] = {}
    names: set[str] = set()
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        hashed, caller = _parsed(number, line.split())
        if hashed in found or caller.name in names:
            raise InputRefused(f"line {number} of the token file repeats a name or a token")
        found[hashed] = caller
        names.add(caller.name)
    return found


def _parsed(number: int, words: list[str]) -> tuple[str, Caller]:
    if len(words) == 3 and _NAME.fullmatch(words[0]) and (hashed := _HASH.fullmatch(words[2])):  # noqa: PLR2004
        role, *flags = words[1].split(",")
        for known in ROLES:
            if role == known and flags in ([], [PERSONAL]):
                return hashed[1], Caller(words[0], known, personal=bool(flags))
    raise InputRefused(
        f"line {number} of the token file is not NAME ROLE[,personal] sha256:HASH",
        hint=f"`contracts tokens new NAME --role ROLE` prints such a line; roles: {', '.join(ROLES)}",
    )


def _hashed(token: str) -> str:
    return sha256(token.encode()).hexdigest()


class TokenFile:
    """The callers in a token file. The file may change while the service runs.

    Args:
        path: of the file.
        clock: seconds.
        report: gets whether the file cannot be read, each time it is looked at again.

    Raises:
        InputRefused: the file cannot be read, or a line is wrong.
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Callable[[], float] = monotonic,
        report: Callable[[bool], None] = lambda _outdated: None,
    ) -> None:
        self._path = path
        self._clock = clock
        self._report = report
        self._looked = clock()
        self._stamp = self._state()
        self._callers = self._read()

    async def caller(self, token: str) -> Caller | None:
        """The owner of the token; None: the token is not in the file."""
        if self._clock() - self._looked >= LOOK_SECONDS:
            self._looked = self._clock()
            self._look_again()
        return self._callers.get(_hashed(token))

    def _look_again(self) -> None:
        """Reads the file if it has changed. If it is wrong now, logs that and keeps the earlier tokens."""
        try:
            stamp = self._state()
            if stamp != self._stamp:
                self._callers = self._read()
                self._stamp = stamp
            self._report(False)  # noqa: FBT003 - as declared
        except InputRefused as error:
            self._report(True)  # noqa: FBT003 - as declared
            log.warning(
                "the token file cannot be read; earlier tokens stay valid", error=str(error), hint=error.hint
            )

    def _state(self) -> tuple[int, int, int]:
        try:
            found = self._path.stat()
        except OSError as error:
            raise InputRefused(f"cannot read {self._path}: {error.strerror}", hint=_SETTING) from None
        return found.st_mtime_ns, found.st_ino, found.st_size

    def _read(self) -> dict[str, Caller]:
        try:
            return parse_tokens(self._path.read_text("utf-8"))
        except OSError as error:
            raise InputRefused(f"cannot read {self._path}: {error.strerror}", hint=_SETTING) from None
        except UnicodeDecodeError:
            raise InputRefused(f"{self._path} is not UTF-8 text") from None
