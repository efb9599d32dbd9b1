"""A small OIDC issuer with keys of its own, as an HTTP server on this machine."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

AUDIENCE = "https://contracts.example"


def new_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


class LocalIssuer:
    """What the server tells; a test may change all of it while it runs."""

    def __init__(self) -> None:
        self.url = ""
        self.keys: dict[str, rsa.RSAPrivateKey] = {"first": new_key()}
        self.away = False
        self.described: dict[str, Any] = {}
        self.asked: list[str] = []
        self.forms: list[dict[str, str]] = []
        self.answers: dict[str, Any] = {}

    def token(
        self,
        *,
        kid: str = "first",
        key: Any = None,
        algorithm: str = "RS256",
        without: str = "",
        **claims: Any,
    ) -> str:
        """A good token, but for what is said otherwise."""
        now = int(time.time())
        said = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "user-7",
            "iat": now,
            "exp": now + 300,
            "roles": ["contracts-operator", "contracts-personal", "unrelated"],
        }
        said = {name: value for name, value in {**said, **claims}.items() if name != without}
        return jwt.encode(said, key or self.keys[kid], "RS256", headers={"kid": kid})

    def jwk(self, kid: str) -> dict[str, Any]:
        key: dict[str, Any] = RSAAlgorithm.to_jwk(self.keys[kid].public_key(), as_dict=True)
        return {**key, "kid": kid, "use": "sig"}

    def document(self, path: str) -> Any:
        self.asked.append(path)
        if path == "/.well-known/openid-configuration":
            return {
                "issuer": self.url,
                "jwks_uri": f"{self.url}/keys",
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                **self.described,
            }
        return {"keys": [self.jwk(kid) for kid in self.keys]} if path == "/keys" else self.answers.get(path)


@contextmanager
def local_issuer() -> Iterator[LocalIssuer]:
    issuer = LocalIssuer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(503 if issuer.away else 200, issuer.document(self.path))

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            issuer.forms.append(dict(parse_qsl(self.rfile.read(length).decode())))
            self._answer(503 if issuer.away else 200, issuer.answers.get(self.path))

        def _answer(self, status: int, document: Any) -> None:
            self.send_response(404 if document is None else status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(document).encode())

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        issuer.url = f"http://127.0.0.1:{server.server_port}"
        serving = threading.Thread(target=server.serve_forever, args=(0.02,))
        serving.start()
        try:
            yield issuer
        finally:
            server.shutdown()
            serving.join()
