"""Signing in to the console at an issuer: the way there and back, and what is not believed."""

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from consumer.api.console.oidc_sign_in import OidcClient
from consumer.api.issuer import Issuer
from consumer.api.oidc import Claims, OidcTokens
from tests.issuer import LocalIssuer, local_issuer, new_key
from tests.unit.api.conftest import Api, made_api
from tests.unit.api.test_oidc import ROLES

URL = "https://contracts.example"
ACCOUNT = "/console/accounts/acme"


@pytest.fixture
def issuer() -> Iterator[LocalIssuer]:
    with local_issuer() as started:
        yield started


def console(issuer: LocalIssuer, folder: Path) -> Api:
    known = Issuer(issuer.url)
    tokens = OidcTokens(known, Claims("console", "roles", ROLES))
    return made_api(folder, client=OidcClient(known, tokens, "console", "s3cret", URL), secure_cookies=True)


@pytest.fixture
def browser(issuer: LocalIssuer, tmp_path: Path) -> httpx.AsyncClient:
    app = console(issuer, tmp_path).app
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=URL)


async def sent_there(browser: httpx.AsyncClient, to: str = ACCOUNT) -> dict[str, str]:
    """What the browser takes along to the issuer."""
    answer = await browser.get("/console/sign-in/oidc", params={"to": to})
    assert answer.status_code == 303
    return {name: value for name, (value,) in parse_qs(urlsplit(answer.headers["location"]).query).items()}


async def back(browser: httpx.AsyncClient, **query: str) -> httpx.Response:
    return await browser.get("/console/sign-in/oidc/callback", params=query)


def signed(issuer: LocalIssuer, asked: dict[str, str], **claims: object) -> None:
    """The issuer gives this ID token for the next code."""
    said = {"aud": "console", "nonce": asked["nonce"], **claims}
    issuer.answers["/token"] = {"id_token": issuer.token(**said), "token_type": "Bearer"}


async def test_there_and_back(browser: httpx.AsyncClient, issuer: LocalIssuer) -> None:
    page = await browser.get("/console/sign-in", params={"to": ACCOUNT})
    assert 'href="/console/sign-in/oidc?to=/console/accounts/acme"' in page.text
    asked = await sent_there(browser)
    assert (asked["response_type"], asked["scope"], asked["client_id"]) == ("code", "openid", "console")
    assert asked["redirect_uri"] == f"{URL}/console/sign-in/oidc/callback"
    signed(issuer, asked)
    answer = await back(browser, state=asked["state"], code="c-1")
    assert (answer.status_code, answer.headers["location"]) == (303, ACCOUNT)
    cookie = next(each for each in answer.headers.get_list("set-cookie") if "contracts_console=" in each)
    assert {"HttpOnly", "Path=/console", "SameSite=lax", "Secure"} <= set(cookie.split("; "))
    [form] = issuer.forms
    digest = hashlib.sha256(form["code_verifier"].encode()).digest()
    assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == asked["code_challenge"]
    assert (form["code"], form["client_secret"], asked["code_challenge_method"]) == ("c-1", "s3cret", "S256")
    shown = await browser.get("/console")
    assert (shown.status_code, "oidc:user-7" in shown.text) == (200, True)


async def test_an_id_token_is_no_token_of_the_api(browser: httpx.AsyncClient, issuer: LocalIssuer) -> None:
    token = issuer.token(aud="console")
    answer = await browser.get("/v1/statistics", headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 401


@pytest.mark.parametrize("given", [{}, {"state": ""}, {"state": "another"}])
async def test_an_answer_that_this_browser_did_not_ask_for_is_refused(
    browser: httpx.AsyncClient, issuer: LocalIssuer, given: dict[str, str]
) -> None:
    for asked in (None, await sent_there(browser)):
        if asked is not None:
            signed(issuer, asked)
        answer = await back(browser, code="c", **given)
        assert (answer.status_code, "contracts_console" in answer.cookies) == (403, False)
    assert issuer.forms == []


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"aud": "https://contracts.example"},
        {"iss": "https://other.example"},
        {"exp": 1_600_000_000},
        {"roles": []},
        {"key": new_key()},
        {"padding": "x" * 4_000},
    ],
    ids=lambda claims: next(iter(claims)),
)
async def test_an_id_token_that_is_not_for_this_sign_in_begins_no_session(
    browser: httpx.AsyncClient, issuer: LocalIssuer, claims: dict[str, object]
) -> None:
    asked = await sent_there(browser)
    signed(issuer, asked, **claims)
    answer = await back(browser, state=asked["state"], code="c")
    assert answer.status_code == 403
    assert "contracts_console" not in browser.cookies
    assert (await browser.get("/console")).status_code == 303


async def test_who_says_no_at_the_issuer_is_told(browser: httpx.AsyncClient, issuer: LocalIssuer) -> None:
    asked = await sent_there(browser)
    answer = await back(browser, state=asked["state"], error="access_denied<script>")
    assert answer.status_code == 403
    assert "script" not in answer.text
    assert (await back(browser, state=asked["state"], code="c")).status_code == 403, "an answer counts once"


async def test_a_target_elsewhere_is_the_first_page(browser: httpx.AsyncClient, issuer: LocalIssuer) -> None:
    asked = await sent_there(browser, "https://evil.example/")
    signed(issuer, asked)
    assert (await back(browser, state=asked["state"], code="c")).headers["location"] == "/console"


async def test_an_issuer_that_is_away_is_a_page_that_says_so(
    browser: httpx.AsyncClient, issuer: LocalIssuer
) -> None:
    issuer.away = True
    answer = await browser.get("/console/sign-in/oidc")
    assert (answer.status_code, "issuer" in answer.text) == (503, True)
    browser.cookies.set("contracts_console", issuer.token(aud="console"))
    assert (await browser.get("/console")).status_code == 503
    form = await browser.post("/console/sign-in", data={"token": issuer.token(aud="console")})
    assert form.status_code == 503


@pytest.mark.parametrize("given", [None, 7, "http://login.example/authorize"])
@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint"])
async def test_an_incomplete_description_is_a_page_that_says_what_is_missing(
    browser: httpx.AsyncClient, issuer: LocalIssuer, name: str, given: object
) -> None:
    issuer.described = {name: given}
    if name == "token_endpoint":
        asked = await sent_there(browser)
        answer = await back(browser, state=asked["state"], code="c")
    else:
        answer = await browser.get("/console/sign-in/oidc")
    assert (answer.status_code, name in answer.text) == (503, True)


async def test_without_an_issuer_there_is_no_such_way(api: Api) -> None:
    async with api.client(None) as http:
        assert "organisation" not in (await http.get("/console/sign-in")).text
        assert (await http.get("/console/sign-in/oidc")).status_code == 404
