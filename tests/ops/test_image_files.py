"""What the image and the development set-up are made of: locked by hash, no secrets."""

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from consumer.settings import Settings

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCKS = {"ops/docker/requirements.lock": (), "ops/dev.lock": ("dev",)}
"""Lock files, and the extras that each is made for."""


def requirements(extras: Iterable[str]) -> list[Requirement]:
    asked = [Requirement(text) for text in PROJECT["dependencies"]]
    for extra in extras:
        found = [Requirement(text) for text in PROJECT["optional-dependencies"][extra]]
        asked += [each for each in found if each.name != PROJECT["name"]]
        asked += [own for each in found if each.name == PROJECT["name"] for own in requirements(each.extras)]
    return asked


@pytest.mark.parametrize("lock", LOCKS)
def test_the_lock_holds_what_the_project_asks_for(lock: str) -> None:
    locked = dict(re.findall(r"^([a-z0-9][\w.-]*)==(\S+)", (ROOT / lock).read_text(), re.MULTILINE))
    wrong = [
        each
        for each in requirements(LOCKS[lock])
        if not each.specifier.contains(locked.get(each.name, ""), prereleases=True)
    ]
    assert wrong == [], "make the lock files again: `make lock UPGRADE=`"


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_has_hashes_and_no_host_is_named(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert "://" not in text
    for block in re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]:
        assert "--hash=sha256:" in block


def test_what_is_still_0_x_has_an_upper_bound() -> None:
    for each in requirements(["dev"]):
        bounded = {specifier.operator for specifier in each.specifier} & {"<", "=="}
        lowest = min(specifier.version for specifier in each.specifier)
        assert bounded or not lowest.startswith("0."), each


def test_compose_has_no_secret_and_waits_for_what_it_needs() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    services = yaml.safe_load(text)["services"]
    written = re.sub(r"#.*", "", text)
    for place in ("CONTRACTS_API_TOKENS_PATH: /etc/contracts/tokens\n", "./tokens:/etc/contracts/tokens:ro"):
        written = written.replace(place, "")
    assert not re.search(r"password|secret|token", written, re.IGNORECASE)
    assert services["contracts"]["scale"] == 2
    for name in ("kafka", "mongo", "prometheus", "grafana"):
        assert services[name]["healthcheck"]["test"], name
        assert all(port.startswith("127.0.0.1:") for port in services[name]["ports"])
    assert services["api"]["profiles"] == ["api"]
    assert services["api"]["ports"] == ["127.0.0.1:8081:8081"]
    assert services["api"]["environment"].items() > services["contracts"]["environment"].items()
    assert services["setup"]["depends_on"]["mongo"] == {"condition": "service_healthy"}
    assert services["contracts"]["depends_on"]["setup"] == {"condition": "service_completed_successfully"}


def test_the_image_shows_both_ports_that_the_service_listens_on() -> None:
    text = (ROOT / "Dockerfile").read_text()
    fields = Settings.model_fields
    assert f"EXPOSE {fields['http_port'].default} {fields['api_port'].default}" in text
    for host in ("CONTRACTS_HTTP_HOST", "CONTRACTS_API_HOST"):
        assert f"{host}=0.0.0.0" in text
