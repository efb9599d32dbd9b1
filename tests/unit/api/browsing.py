"""The console asked as a browser without scripts asks it."""

import re
from html import unescape

import httpx

from consumer.api.console.session import COOKIE
from tests.unit.api.conftest import Api


def browser(api: Api, name: str | None = None) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(api.app, raise_app_exceptions=False)
    cookies = {COOKIE: api.tokens[name]} if name else {}
    return httpx.AsyncClient(transport=transport, base_url="http://localhost", cookies=cookies)


def hidden(page: httpx.Response, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page.text)
    assert found is not None, page.text
    return unescape(found[1])


async def filled(http: httpx.AsyncClient, path: str, **form: str) -> httpx.Response:
    """Opens a page with a form and sends it back."""
    page = await http.get(path)
    given = {"form_token": hidden(page, "form_token"), "command_id": hidden(page, "command_id")}
    return await http.post(path, data=given | form)
