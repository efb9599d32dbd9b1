"""Authenticators from the settings: the token file, the OIDC issuer, and sign-in at the issuer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from consumer.addresses import is_local
from consumer.api.console.oidc_sign_in import OidcClient
from consumer.api.issuer import Issuer
from consumer.api.oidc import Claims, OidcTokens
from consumer.api.tokens import TokenFile
from consumer.errors import StartRefused

if TYPE_CHECKING:
    from consumer.api.auth import Authenticator
    from consumer.settings import Settings
    from consumer.telemetry.metrics_api import ApiMetrics


def let_in(settings: Settings, metrics: ApiMetrics) -> tuple[list[Authenticator], OidcClient | None]:
    """The authenticators, and the console as a client of the issuer.

    Raises:
        StartRefused: neither a token file nor an issuer is set.
        InputRefused: the token file cannot be used.
    """
    found: list[Authenticator] = []
    client = None
    if settings.api_tokens_path is not None:
        found.append(TokenFile(Path(settings.api_tokens_path), report=metrics.tokens_outdated))
    if settings.api_oidc_issuer is not None:
        issuer = Issuer(settings.api_oidc_issuer)
        found.append(_tokens(settings, issuer, str(settings.api_oidc_audience)))
        client = _client(settings, issuer)
    if not found:
        raise StartRefused(
            "the API has neither a token file nor an issuer: nobody could use it",
            hint="set CONTRACTS_API_TOKENS_PATH to a token file (`contracts tokens new` prints its lines), "
            "or CONTRACTS_API_OIDC_ISSUER to an OIDC issuer",
        )
    return found, client


def _tokens(settings: Settings, issuer: Issuer, audience: str) -> OidcTokens:
    return OidcTokens(issuer, Claims(audience, settings.api_oidc_roles_claim, settings.api_oidc_roles))


def _client(settings: Settings, issuer: Issuer) -> OidcClient | None:
    if settings.api_oidc_client_id is None or settings.api_url is None:
        return None
    secret = settings.api_oidc_client_secret
    return OidcClient(
        issuer,
        _tokens(settings, issuer, settings.api_oidc_client_id),
        settings.api_oidc_client_id,
        secret.get_secret_value() if secret else None,
        settings.api_url,
    )


def secure_cookies(settings: Settings) -> bool:
    """Whether browsers use HTTPS for the console. Then they must send its cookies over HTTPS only.

    This is decided by the setting and not by a request, whose sender chooses the Host. Without the setting,
    only a local address is taken to have no HTTPS.
    """
    if settings.api_url is not None:
        return settings.api_url.startswith("https://")
    return not is_local(settings.api_host)
