"""What the image is made of: locked by hash, as pyproject.toml asks, no secrets."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
LOCK = (ROOT / "ops/docker/requirements.lock").read_text()
LOCKED = dict(re.findall(r"^([a-z0-9][\w.-]*)==(\S+)", LOCK, re.MULTILINE))


def requirements() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [Requirement(text) for text in project["dependencies"]]


@pytest.mark.parametrize("requirement", requirements(), ids=lambda requirement: requirement.name)
def test_the_lock_holds_what_the_project_asks_for(requirement: Requirement) -> None:
    assert requirement.specifier.contains(LOCKED[requirement.name]), (
        "make the lock again: its first lines say how"
    )


def test_every_locked_package_has_hashes() -> None:
    for block in re.split(r"^(?=[a-z0-9])", LOCK, flags=re.MULTILINE)[1:]:
        assert "--hash=sha256:" in block


def test_compose_has_no_secret_and_waits_for_what_it_needs() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    services = yaml.safe_load(text)["services"]
    assert not re.search(r"password|secret|token", re.sub(r"#.*", "", text), re.IGNORECASE)
    assert services["contracts"]["scale"] == 2
    for name in ("kafka", "mongo", "prometheus", "grafana"):
        assert services[name]["healthcheck"]["test"], name
        assert all(port.startswith("127.0.0.1:") for port in services[name]["ports"])
    assert services["setup"]["depends_on"]["mongo"] == {"condition": "service_healthy"}
    assert services["contracts"]["depends_on"]["setup"] == {"condition": "service_completed_successfully"}
