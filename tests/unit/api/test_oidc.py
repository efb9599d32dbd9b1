"""Tokens of an OIDC issuer at every end point of the published description."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from http.client import BadStatusLine
from pathlib import Path

import httpx
import orjson
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from consumer.api.auth import ACCESS
from consumer.api.issuer import LOOK_SECONDS, Issuer
from consumer.api.oidc import Claims, OidcTokens
from consumer.api.problems import Problem
from consumer.settings import load_settings
from schemas.export import OPENAPI
from tests.issuer import AUDIENCE, LocalIssuer, local_issuer, new_key
from tests.unit.api.conftest import Api, made_api
from tests.unit.api.test_auth import address

PATHS = orjson.loads(OPENAPI.read_bytes())["paths"]
OPERATIONS = [(method.upper(), path) for path, operations in PATHS.items() for method in operations]
CONTRACT = "/v1/accounts/acme/contract"
ROLES = load_settings().api_oidc_roles


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def issuer() -> Iterator[LocalIssuer]:
    with local_issuer() as started:
        yield started


def tokens_of(issuer: LocalIssuer, clock: Clock, claim: str = "roles") -> OidcTokens:
    return OidcTokens(Issuer(issuer.url, clock=clock), Claims(AUDIENCE, claim, ROLES))


@pytest.fixture(scope="module")
def api(issuer: LocalIssuer, tmp_path_factory: pytest.TempPathFactory) -> Api:
    return made_api(tmp_path_factory.mktemp("api"), authenticators=[tokens_of(issuer, Clock())])


async def ask(api: Api, token: str, method: str = "GET", path: str = CONTRACT) -> httpx.Response:
    async with api.client(None) as http:
        return await http.request(method, address(path), headers={"authorization": f"Bearer {token}"})


def encoded(value: object) -> str:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def with_header(token: str, signature: Callable[[bytes], bytes], **header: str) -> str:
    """The same claims under another header."""
    signed = f"{encoded({'typ': 'JWT', 'kid': 'first', **header})}.{token.split('.')[1]}"
    return f"{signed}.{encoded(signature(signed.encode()))}"


def signed_with_public_key(issuer: LocalIssuer, form: PublicFormat) -> str:
    public = issuer.keys["first"].public_key().public_bytes(Encoding.PEM, form)
    return with_header(
        issuer.token(), lambda text: hmac.new(public, text, hashlib.sha256).digest(), alg="HS256"
    )


BAD: dict[str, Callable[[LocalIssuer], str]] = {
    "expired": lambda issuer: issuer.token(exp=1_600_000_000),
    "not valid yet": lambda issuer: issuer.token(nbf=4_000_000_000),
    "for another": lambda issuer: issuer.token(aud="https://other.example"),
    "of another issuer": lambda issuer: issuer.token(iss="https://issuer.example"),
    "another key, known id": lambda issuer: issuer.token(key=new_key()),
    "unknown key": lambda issuer: issuer.token(kid="none", key=new_key()),
    "no algorithm": lambda issuer: with_header(issuer.token(), lambda _: b"", alg="none"),
    "public key as secret": lambda issuer: signed_with_public_key(issuer, PublicFormat.SubjectPublicKeyInfo),
    "public key as secret, PKCS1": lambda issuer: signed_with_public_key(issuer, PublicFormat.PKCS1),
    "algorithm of no such key": lambda issuer: with_header(issuer.token(), lambda _: b"x" * 64, alg="ES256"),
    "cut": lambda issuer: issuer.token()[:-10],
    "claims changed": lambda issuer: changed(issuer.token(roles=["contracts-reader"])),
    **{
        f"without {name}": lambda issuer, name=name: issuer.token(without=name)
        for name in ("exp", "iss", "aud", "sub")
    },
}


def changed(token: str) -> str:
    header, body, signature = token.split(".")
    claims = orjson.loads(base64.urlsafe_b64decode(body + "=="))
    return f"{header}.{encoded({**claims, 'roles': ['contracts-operator']})}.{signature}"


def test_the_description_lists_the_end_points_that_are_tried() -> None:
    assert {f"{method} {path}" for method, path in OPERATIONS} == set(ACCESS)


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
async def test_a_bad_token_is_a_stranger_and_a_good_one_is_let_in(
    api: Api, issuer: LocalIssuer, method: str, path: str
) -> None:
    before = len(api.kit.results)
    for name, made in BAD.items():
        answer = await ask(api, made(issuer), method, path)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated"), name
    for roles in ([], ["unrelated"], "contracts-operators", None, {"contracts-operator": True}):
        answer = await ask(api, issuer.token(roles=roles), method, path)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), roles
    weaker = {"reader": [], "publisher": ["contracts-reader"], "operator": ["contracts-publisher"]}
    answer = await ask(api, issuer.token(roles=weaker[ACCESS[f"{method} {path}"]]), method, path)
    assert answer.status_code == 403
    assert len(api.kit.results) == before
    assert (await ask(api, issuer.token(), method, path)).status_code not in {401, 403, 500, 503}


@pytest.mark.filterwarnings("ignore:The RSA key is 1024 bits")
async def test_weak_keys_are_refused() -> None:
    with local_issuer() as issuer:
        issuer.keys["first"] = new_key(1024)
        tokens = tokens_of(issuer, Clock())
        assert await tokens.caller(issuer.token()) is None


async def test_a_key_that_is_only_for_encryption_or_another_algorithm_signs_nothing() -> None:
    for odd in ({"use": "enc"}, {"alg": "PS256"}):
        with local_issuer() as issuer:
            jwk = issuer.jwk
            issuer.jwk = lambda kid, jwk=jwk, odd=odd: {**jwk(kid), **odd}  # type: ignore[method-assign]
            assert await tokens_of(issuer, Clock()).caller(issuer.token()) is None


async def test_a_new_key_is_found_and_a_made_up_one_is_not_looked_for_again_and_again() -> None:
    clock = Clock()
    with local_issuer() as issuer:
        tokens = tokens_of(issuer, clock)
        assert await tokens.caller(issuer.token()) is not None
        issuer.keys["second"] = new_key()
        assert await tokens.caller(issuer.token(kid="second")) is None
        clock.now += LOOK_SECONDS
        assert await tokens.caller(issuer.token(kid="second")) is not None
        asked = len(issuer.asked)
        clock.now += LOOK_SECONDS
        for number in range(20):
            assert (
                await tokens.caller(issuer.token(kid=f"made-up-{number}", key=issuer.keys["first"])) is None
            )
        assert len(issuer.asked) == asked + 2  # its description and its keys, once


async def test_a_withdrawn_key_ends_without_a_restart() -> None:
    clock = Clock()
    with local_issuer() as issuer:
        tokens = tokens_of(issuer, clock)
        old = issuer.token()
        assert await tokens.caller(old) is not None
        issuer.keys = {"second": new_key()}
        clock.now += 700
        await tokens.caller(old)  # starts a look, and does not wait for it
        assert await tokens.caller(issuer.token(kid="second")) is not None
        assert await tokens.caller(old) is None


async def test_while_the_issuer_is_away_known_keys_are_good_and_others_are_a_503(tmp_path: Path) -> None:
    clock = Clock()
    with local_issuer() as issuer:
        api = made_api(tmp_path, authenticators=[tokens_of(issuer, clock)])
        issuer.away = True
        answer = await ask(api, issuer.token())
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert answer.headers["retry-after"] == "10"
        assert issuer.url not in answer.text
        issuer.away = False
        clock.now += LOOK_SECONDS
        assert (await ask(api, issuer.token())).status_code == 404
        issuer.away = True
        clock.now += 3_600
        assert (await ask(api, issuer.token())).status_code == 404
        clock.now += 86_400
        assert (await ask(api, issuer.token())).status_code == 503


@pytest.mark.parametrize(
    "described",
    [
        {"issuer": "https://other.example"},
        {"jwks_uri": "http://other.example/keys"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": 7},
    ],
)
async def test_a_description_that_points_elsewhere_is_not_believed(
    described: dict[str, object], tmp_path: Path
) -> None:
    with local_issuer() as issuer:
        issuer.described = described
        api = made_api(tmp_path, authenticators=[tokens_of(issuer, Clock())])
        assert (await ask(api, issuer.token())).status_code == 503


async def test_roles_may_stand_deep_in_the_token_or_as_words() -> None:
    with local_issuer() as issuer:
        deep = issuer.token(roles=None, realm_access={"roles": ["contracts-publisher"]})
        found = await tokens_of(issuer, Clock(), "/realm_access/roles").caller(deep)
        assert found is not None
        assert (found.role, found.personal) == ("publisher", False)
        words = issuer.token(scope="openid contracts-reader contracts-personal")
        found = await tokens_of(issuer, Clock(), "scope").caller(words)
        assert found is not None
        assert (found.role, found.personal) == ("reader", True)


@pytest.mark.parametrize("subject", ["a" * 300, "a\nb", "é" * 60])
async def test_a_subject_that_no_command_could_carry_is_named_by_its_hash(
    api: Api, issuer: LocalIssuer, subject: str
) -> None:
    async with api.client(None) as http:
        http.headers["authorization"] = f"Bearer {issuer.token(sub=subject)}"
        path = f"/v1/accounts/{len(subject)}/commands/create"
        answer = await http.post(path, json={"contract_type": "basic"}, headers={"Prefer": "wait=1"})
        assert answer.status_code == 200, answer.text
        made_by = (await http.get(f"/v1/accounts/{len(subject)}/contract")).json()["created_by"]
        assert made_by == f"oidc:{hashlib.sha256(subject.encode()).hexdigest()}"


async def test_an_answer_that_is_no_http_counts_as_none() -> None:
    def no_http(_: str) -> bytes:
        raise BadStatusLine("not HTTP")

    with pytest.raises(Problem, match="unavailable"):
        await Issuer("https://id.example", fetch=no_http).key("1")
