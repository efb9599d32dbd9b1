"""An Apache Kafka that demands TLS, SCRAM and ACLs, and the rights that docs/security.md lists."""

import re
import subprocess
import time
from pathlib import Path
from typing import Any

from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from devstack.kafka import ApacheKafka

USER, PASSWORD = "contracts", "not-a-secret"
PAGE = Path(__file__).parents[2] / "docs/security.md"
ROW = re.compile(
    r"^\| (Topic|Group|TransactionalId) \| `([^`]+)`(, prefixed)? \| (\w+) \| (.+) \|$", re.MULTILINE
)
SETTLE_SECONDS = 15
EVERY = AclBindingFilter(
    ResourceType.ANY, None, ResourcePatternType.ANY, None, None, AclOperation.ANY, AclPermissionType.ANY
)
KINDS = {
    "Topic": ResourceType.TOPIC,
    "Group": ResourceType.GROUP,
    "TransactionalId": ResourceType.TRANSACTIONAL_ID,
}


def certificates(folder: Path) -> Path:
    """An authority, `ca.pem`; key and certificate of 127.0.0.1, `server.pem`, and a client, `client.pem`."""
    folder.mkdir(parents=True)

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    new = ("req", "-newkey", "rsa:2048", "-nodes", "-days", "2")
    openssl(*new, "-x509", "-subj", "/CN=test authority", "-keyout", "ca.key", "-out", "ca.pem")
    openssl(*new, "-subj", "/CN=localhost", "-keyout", "key.pem", "-out", "server.csr")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost")
    signing = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names")
    openssl("x509", "-req", "-in", "server.csr", *signing, "-out", "cert.pem")
    openssl(*new, "-subj", "/CN=contracts", "-keyout", "client.key", "-out", "client.csr")
    openssl("x509", "-req", "-in", "client.csr", *signing, "-out", "client.crt")
    pairs = {"client.pem": ("client.key", "client.crt"), "server.pem": ("key.pem", "cert.pem")}
    for both, parts in pairs.items():
        (folder / both).write_text("".join((folder / part).read_text() for part in parts))
    return folder


def secure_kafka(folder: Path, certs: Path) -> ApacheKafka:
    """The listener SECURE demands TLS and SCRAM; whoever comes by another one is the administrator."""
    return ApacheKafka(
        folder,
        listeners={"SECURE": "SASL_SSL"},
        properties={
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",
            "sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "listener.name.secure.scram-sha-512.sasl.jaas.config": (
                "org.apache.kafka.common.security.scram.ScramLoginModule required;"
            ),
            "listener.name.secure.ssl.keystore.type": "PEM",
            "listener.name.secure.ssl.keystore.location": certs / "server.pem",
        },
    )


def add_user(kafka: ApacheKafka, user: str = USER, password: str = PASSWORD) -> None:
    """A SCRAM user; it may nothing yet."""
    credential = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
    wanted = UserScramCredentialUpsertion(user, credential, password.encode())
    client = admin(kafka)  # futures die with it
    for done in client.alter_user_scram_credentials([wanted]).values():
        done.result()


def admin(kafka: ApacheKafka) -> AdminClient:
    return AdminClient({"bootstrap.servers": kafka.bootstrap, "log_level": 0})


def listed_rights() -> list[tuple[str, str, bool, str]]:
    """Kind, name, whether a prefix, operation: as the page lists them."""
    return [
        (kind, name, bool(prefix), right) for kind, name, prefix, right, _ in ROW.findall(PAGE.read_text())
    ]


def binding(right: tuple[str, str, bool, str], prefix: str, group: str, *, kind: type = AclBinding) -> Any:
    """The ACL of a listed right, for a service with this topic prefix and group."""
    resource, name, prefixed, operation = right
    full = {"Topic": prefix + name, "Group": group, "TransactionalId": f"{group}-"}[resource]
    pattern = ResourcePatternType.PREFIXED if prefixed else ResourcePatternType.LITERAL
    allowed = (AclOperation[operation.upper()], AclPermissionType.ALLOW)
    return kind(KINDS[resource], full, pattern, f"User:{USER}", "*", *allowed)


def grant(kafka: ApacheKafka, bindings: list[AclBinding], without: AclBindingFilter | None = None) -> None:
    """Give these rights, take one away again, and return once the broker goes by it: it learns it later."""
    client = admin(kafka)
    for done in client.create_acls(bindings).values():
        done.result()
    if without is not None:
        [gone] = [done.result() for done in client.delete_acls([without]).values()]
        assert gone, "no such right"
    wanted = {key(right) for right in bindings} - ({key(without)} if without else set())
    names = {right.name for right in bindings}
    deadline = time.monotonic() + SETTLE_SECONDS
    while {key(right) for right in client.describe_acls(EVERY).result() if right.name in names} != wanted:
        assert time.monotonic() < deadline, "the broker does not learn of the rights"
        time.sleep(0.02)


def key(right: Any) -> tuple[Any, ...]:
    """What makes a right."""
    return right.restype, right.name, right.operation
