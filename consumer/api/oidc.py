"""Tokens of an OIDC issuer: JWTs, checked with the issuer's public keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import jwt
import structlog

from consumer.api.problems import Problem
from consumer.api.tokens import PERSONAL, ROLES, SOURCE, Caller
from schemas.envelopes import LIMITS

if TYPE_CHECKING:
    from consumer.api.issuer import Issuer

log = structlog.get_logger()

ALGORITHMS: Final = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA"),
)
"""Only algorithms with a public key. With a shared secret (HS256…) an attacker could sign a token with the
issuer's public key as the secret, and it would be accepted."""

LEEWAY_SECONDS: Final = 30
"""Allowed difference between the clocks of the issuer and of this machine."""

PREFIX: Final = "oidc:"
"""Put before a subject. Names in the token file have no colon, so the two never collide."""


@dataclass(frozen=True)
class Claims:
    """The claims that a token must have.

    Args:
        audience: must be in `aud`.
        roles_claim: the claim that holds the roles: its name, or a JSON Pointer such as /realm_access/roles.
        roles: from the issuer's roles to those of this service: reader, publisher, operator, personal.
    """

    audience: str
    roles_claim: str
    roles: Mapping[str, str]


class OidcTokens:
    """Accepts the tokens of an issuer.

    Attributes:
        claims: the claims that a token must have.

    Args:
            issuer: has the keys that tokens are checked with.
            claims: the claims that a token must have.
    """

    def __init__(self, issuer: Issuer, claims: Claims) -> None:
        self._issuer = issuer
        self.claims = claims

    async def caller(self, token: str) -> Caller | None:
        """The owner of the token; None: the token is not valid.

        Raises:
            Problem: the token is valid, but has no role of this service; or the issuer does not answer.
        """
        said = await self.said(token)
        return None if said is None else caller_of(said, self.claims)

    async def said(self, token: str) -> dict[str, Any] | None:
        """The claims of a token; None: it is from another issuer, for another audience, or not valid now."""
        try:
            header = jwt.get_unverified_header(token)
            algorithm, kid = header.get("alg"), header.get("kid")
            if algorithm not in ALGORITHMS or not isinstance(kid, str):
                return None
            key = await self._issuer.key(kid)
            if key is None or key.get("alg", algorithm) != algorithm:
                return None
            return self._checked(token, jwt.PyJWK(key, algorithm))
        except jwt.PyJWTError as error:
            log.info("a token was refused", why=type(error).__name__)
            return None

    def _checked(self, token: str, key: jwt.PyJWK) -> dict[str, Any]:
        return jwt.decode(
            token,
            key,
            algorithms=ALGORITHMS,
            audience=self.claims.audience,
            issuer=self._issuer.url,
            leeway=LEEWAY_SECONDS,
            options={"require": ["exp", "iss", "aud", "sub"], "enforce_minimum_key_length": True},
        )


def caller_of(said: Mapping[str, Any], claims: Claims) -> Caller:
    """The caller with these checked claims.

    Raises:
        Problem: the claims have no role of this service.
    """
    given = {claims.roles[each] for each in _listed(said, claims.roles_claim) if each in claims.roles}
    held = [role for role in ROLES if role in given]
    if not held:
        raise Problem("forbidden", "this token has no role of this service")
    return Caller(_name(said["sub"]), held[-1], personal=PERSONAL in given)


def _listed(said: Mapping[str, Any], claim: str) -> list[str]:
    """The values of a claim: a list, or words separated by spaces as in `scope`."""
    value: Any = said
    for part in claim.removeprefix("/").split("/") if claim.startswith("/") else [claim]:
        value = value.get(part) if isinstance(value, Mapping) else None
    if isinstance(value, str):
        return value.split()
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _name(subject: str) -> str:
    """The subject, or its hash if the subject cannot be part of a command's source."""
    name = PREFIX + subject
    if name.isprintable() and len(SOURCE + quote(name, safe="")) <= LIMITS["source"]:
        return name
    return PREFIX + sha256(subject.encode("utf-8", "surrogatepass")).hexdigest()
