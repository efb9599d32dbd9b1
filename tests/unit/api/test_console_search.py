"""The console's search: by whatever names a contract or a command."""

from tests.unit.api.browsing import browser
from tests.unit.api.conftest import Api


async def test_whatever_names_a_contract_finds_it(api: Api) -> None:
    contact = {"email": "pay@acme.example"}
    made = await api.kit.create("acc-1", contract_type="basic", tags=["vip"], billing_contact=contact)
    await api.kit.create("acc-2", command_id="one", contract_type="basic", tags=["eu", "<b>&"])
    await api.kit.create("acc-3", contract_type="basic", tags=["eu"])
    async with browser(api, "privy") as http:
        for name in ("acc-1", made.contract_id, "vip", "pay@acme.example"):
            found = await http.get("/console", params={"q": name})
            assert found.headers.get("location") == "/console/accounts/acc-1", name
        several = (await http.get("/console", params={"q": "eu"})).text
        assert "/accounts/acc-2" in several
        assert "/accounts/acc-3" in several
        command = (await http.get("/console", params={"q": "one"})).text
        assert "Commands with this id" in command
        assert "/accounts/acc-2" in command
    async with browser(api, "operator") as http:
        for nothing in ("pay@acme.example", "Vip", "x" * 299):
            page = await http.get("/console", params={"q": nothing})
            assert "Nothing was found" in page.text
