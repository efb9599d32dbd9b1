"""Kubernetes manifests: valid by Kubernetes' own schemas, and in step with the service's settings."""

import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from typer.testing import CliRunner

from consumer.cli.main import app
from consumer.settings import Settings, load_settings
from consumer.settings_sources import env_name
from consumer.telemetry.metrics_table import METRICS

FOLDER = Path(__file__).parents[2] / "ops/kubernetes"
VERSION = "1.31"
LISTED = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())["resources"]
KNOWN = {env_name(name) for name in Settings.model_fields} | {"CONTRACTS_SECRETS_DIR"}


def documents(file: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((FOLDER / file).read_text()))


def one(kind: str) -> dict[str, Any]:
    [found] = [document for file in LISTED for document in documents(file) if document["kind"] == kind]
    return found


def pod() -> dict[str, Any]:
    return dict(one("StatefulSet")["spec"]["template"]["spec"])


def container() -> dict[str, Any]:
    [found] = pod()["containers"]
    return dict(found)


def test_every_file_is_listed_or_said_why_not() -> None:
    assert {file.name for file in FOLDER.glob("*.yaml")} == {*LISTED, "kustomization.yaml"}


@pytest.mark.parametrize("file", LISTED)
def test_kubernetes_accepts_it(file: str) -> None:
    for document in documents(file):
        kubernetes_validate.validate(document, VERSION, strict=True)


def test_a_mistake_would_be_noticed() -> None:
    wrong = one("StatefulSet")
    wrong["spec"]["template"]["spec"]["containers"][0]["readinesProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSION, strict=True)


def test_the_service_starts_with_these_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = one("ConfigMap")["data"]
    assert set(settings) <= KNOWN
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    [secrets] = pod()["volumes"]
    for item in secrets["secret"]["items"]:
        value = "mongodb://mongo" if item["key"] == "mongo-uri" else item["key"]
        (tmp_path / item["path"]).write_text(value)
    monkeypatch.setenv("CONTRACTS_SECRETS_DIR", str(tmp_path))
    monkeypatch.setenv("CONTRACTS_GROUP_INSTANCE_ID", "contracts-0")
    loaded = load_settings()
    assert loaded.kafka_sasl_username == "kafka-username"
    assert loaded.mongo_uri.get_secret_value() == "mongodb://mongo"
    assert loaded.group_instance_id == "contracts-0"


def test_it_runs_as_the_image_is_made_for() -> None:
    assert pod()["securityContext"]["runAsUser"] == 10001
    assert container()["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod()["automountServiceAccountToken"] is False
    [mounted] = container()["volumeMounts"]
    assert mounted["mountPath"] == one("ConfigMap")["data"]["CONTRACTS_SECRETS_DIR"]


def test_each_pod_is_the_same_member_after_a_restart() -> None:
    [instance] = container()["env"]
    assert instance["name"] == "CONTRACTS_GROUP_INSTANCE_ID"
    assert instance["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.name"


def test_draining_fits_into_the_grace_period() -> None:
    assert pod()["terminationGracePeriodSeconds"] * 1000 > load_settings().rebalance_timeout_ms / 2 + 5_000


def test_probes_ask_the_right_questions() -> None:
    probes = {name: container()[name]["httpGet"]["path"] for name in ("livenessProbe", "readinessProbe")}
    assert probes == {"livenessProbe": "/healthz", "readinessProbe": "/readyz"}


def test_scaling_stays_within_its_limits() -> None:
    [scaled] = documents("scaling/keda.yaml")
    spec = scaled["spec"]
    assert 1 <= spec["minReplicaCount"] <= spec["maxReplicaCount"] <= load_settings().topic_partitions
    [trigger] = spec["triggers"]
    asked = re.findall(r"contracts_\w+", trigger["metadata"]["query"])
    assert asked == ["contracts_consumer_lag_seconds"]
    assert asked[0] in {spec.exposed_name for spec in METRICS}


JOBS = {
    "topics ensure": one("Job")["spec"],
    "history verify": one("CronJob")["spec"]["jobTemplate"]["spec"],
}


@pytest.mark.parametrize("command", JOBS)
def test_jobs_connect_as_the_service_does(command: str) -> None:
    job = JOBS[command]["template"]["spec"]
    [run] = job["containers"]
    assert run["args"] == command.split()
    assert CliRunner().invoke(app, [*run["args"], "--help"]).exit_code == 0
    for name in ("image", "envFrom", "volumeMounts", "securityContext"):
        assert run[name] == container()[name], name
    for name in ("securityContext", "volumes", "serviceAccountName", "enableServiceLinks"):
        assert job[name] == pod()[name], name


def test_the_network_policy_lets_all_out() -> None:
    selected = one("NetworkPolicy")["spec"]["podSelector"]["matchLabels"].items()
    served = one("Service")["spec"]["selector"].items()
    assert selected <= one("StatefulSet")["spec"]["template"]["metadata"]["labels"].items()
    for job in JOBS.values():
        assert selected <= job["template"]["metadata"]["labels"].items()
        assert not served <= job["template"]["metadata"]["labels"].items()


def test_no_secret_is_written_down() -> None:
    for file in FOLDER.rglob("*.yaml"):
        assert all(document["kind"] != "Secret" for document in yaml.safe_load_all(file.read_text()))


API = [*documents("api/deployment.yaml"), *documents("api/service.yaml"), *documents("api/network.yaml")]


def of_api(kind: str) -> dict[str, Any]:
    [found] = [document for document in API if document["kind"] == kind]
    return found


def api_pod() -> dict[str, Any]:
    return dict(of_api("Deployment")["spec"]["template"]["spec"])


@pytest.mark.parametrize("document", API, ids=lambda document: document["kind"])
def test_kubernetes_accepts_the_api(document: dict[str, Any]) -> None:
    kubernetes_validate.validate(document, VERSION, strict=True)


def test_the_api_starts_with_these_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    [served] = api_pod()["containers"]
    settings = one("ConfigMap")["data"] | {each["name"]: each["value"] for each in served["env"]}
    assert set(settings) <= KNOWN
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    [secrets] = api_pod()["volumes"]
    for item in secrets["secret"]["items"]:
        value = "mongodb://mongo" if item["key"] == "mongo-uri" else item["key"]
        (tmp_path / item["path"]).write_text(value)
    monkeypatch.setenv("CONTRACTS_SECRETS_DIR", str(tmp_path))
    loaded = load_settings()
    assert CliRunner().invoke(app, [*served["args"], "--help"]).exit_code == 0
    assert {each["name"]: each["containerPort"] for each in served["ports"]} == {
        "api": loaded.api_port,
        "http": loaded.http_port,
    }
    folder, _, file = str(loaded.api_tokens_path).rpartition("/")
    assert folder == served["volumeMounts"][0]["mountPath"]
    assert file in {item["path"] for item in secrets["secret"]["items"]}
    assert secrets["secret"]["secretName"] != pod()["volumes"][0]["secret"]["secretName"]


def test_the_api_runs_as_the_image_is_made_for_and_is_probed_where_it_listens() -> None:
    [served] = api_pod()["containers"]
    for name in (
        "securityContext",
        "serviceAccountName",
        "enableServiceLinks",
        "automountServiceAccountToken",
    ):
        assert api_pod()[name] == pod()[name], name
    assert served["securityContext"] == container()["securityContext"]
    probes = {name: served[name]["httpGet"] for name in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert {name: probe["path"] for name, probe in probes.items()} == {
        "startupProbe": "/healthz",
        "livenessProbe": "/healthz",
        "readinessProbe": "/readyz",
    }
    ports = {name: probe["port"] for name, probe in probes.items()}
    assert ports == {"startupProbe": "api", "livenessProbe": "http", "readinessProbe": "api"}


def test_who_reaches_the_api_and_what_it_reaches() -> None:
    labels = of_api("Deployment")["spec"]["template"]["metadata"]["labels"].items()
    for kind, place in (("Service", "selector"), ("NetworkPolicy", "podSelector")):
        selected = of_api(kind)["spec"][place]
        assert selected.get("matchLabels", selected).items() <= labels
    assert of_api("PodDisruptionBudget")["spec"]["selector"]["matchLabels"].items() <= labels
    [port] = of_api("Service")["spec"]["ports"]
    assert port["port"] == of_api("NetworkPolicy")["spec"]["ingress"][0]["ports"][0]["port"] == 8081
    assert one("NetworkPolicy")["spec"]["podSelector"]["matchLabels"].items() <= labels
    assert not one("Service")["spec"]["selector"].items() <= labels
    assert not one("PodDisruptionBudget")["spec"]["selector"]["matchLabels"].items() <= labels
