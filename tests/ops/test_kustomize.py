"""What `kubectl apply -k` would send: rendered by kustomize, valid, complete and in step with itself."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from jsonschema import Draft202012Validator, ValidationError

ROOT = Path(__file__).parents[2]
COMPLETE = ROOT / "examples/kubernetes"
VERSION = "1.31"
API = "contracts-api"
CLUSTER_WIDE = {"Namespace"}


def exactly(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    """A JSON Schema of an object with these fields and no others."""
    fields = {**required, **optional}
    return {"type": "object", "properties": fields, "required": list(required), "additionalProperties": False}


TEXT = {"type": "string", "minLength": 1}
COUNT = {"type": "integer", "minimum": 0}
ANY = {"type": "object"}
LABELS = {"type": "object", "additionalProperties": TEXT}
CUSTOM = {
    "PodMonitor": exactly(
        {
            "selector": exactly(
                {
                    "matchExpressions": {
                        "type": "array",
                        "items": exactly(
                            {"key": TEXT, "operator": {"const": "In"}, "values": {"type": "array"}}
                        ),
                    }
                }
            ),
            "podMetricsEndpoints": {
                "type": "array",
                "minItems": 1,
                "items": exactly({"port": TEXT}, path=TEXT, interval=TEXT),
            },
        },
        jobLabel=TEXT,
    ),
    "PrometheusRule": exactly({"groups": {"type": "array", "minItems": 1}}),
    "ScaledObject": exactly(
        {
            "scaleTargetRef": exactly({"name": TEXT}, apiVersion=TEXT, kind=TEXT),
            "triggers": {
                "type": "array",
                "minItems": 1,
                "items": exactly(
                    {
                        "type": {"const": "prometheus"},
                        "metadata": exactly(
                            {"serverAddress": TEXT, "query": TEXT, "threshold": TEXT}, ignoreNullValues=TEXT
                        ),
                    },
                    metricType={"enum": ["AverageValue", "Value"]},
                ),
            },
        },
        minReplicaCount=COUNT,
        maxReplicaCount=COUNT,
        pollingInterval=COUNT,
        advanced=ANY,
    ),
}
"""What Kubernetes' own schemas do not know, as far as it is used here."""


def validate(document: dict[str, Any]) -> None:
    if document["kind"] in CUSTOM:
        Draft202012Validator(CUSTOM[document["kind"]]).validate(document["spec"])
    else:
        kubernetes_validate.validate(document, VERSION, strict=True)


def render(folder: Path) -> list[dict[str, Any]]:
    kustomize = shutil.which("kustomize")
    if kustomize is None and os.environ.get("CI"):
        pytest.fail("kustomize is required in CI: .ci/run installs it", pytrace=False)
    if kustomize is None:
        pytest.skip("MANIFESTS NOT RENDERED: kustomize is not installed")
    done = subprocess.run([kustomize, "build", folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "deprecated" not in done.stderr.lower()
    return list(yaml.safe_load_all(done.stdout))


def unfolded(rules: dict[str, Any]) -> list[dict[str, Any]]:
    """Rules with each expression on one line: kustomize folds long ones in its own way."""
    return [
        {**rule, "expr": " ".join(rule["expr"].split())}
        for group in rules["groups"]
        for rule in group["rules"]
    ]


@pytest.fixture(scope="module")
def complete() -> dict[str, dict[str, Any]]:
    """The documents by their kind, but for those of the API."""
    return {each["kind"]: each for each in render(COMPLETE) if each["metadata"]["name"] != API}


@pytest.fixture(scope="module")
def api() -> dict[str, dict[str, Any]]:
    """Those of the API by their kind."""
    return {each["kind"]: each for each in render(COMPLETE) if each["metadata"]["name"] == API}


def test_the_service_alone_needs_no_operator_in_the_cluster() -> None:
    documents = render(ROOT / "ops/kubernetes")
    assert not {document["kind"] for document in documents} & set(CUSTOM)
    for document in documents:
        validate(document)


def test_the_complete_install_has_every_part(complete: dict[str, dict[str, Any]]) -> None:
    assert set(complete) == {
        *("Namespace", "ServiceAccount", "ConfigMap", "Service", "StatefulSet", "PodDisruptionBudget"),
        *("NetworkPolicy", "Job", "CronJob", "PodMonitor", "PrometheusRule", "ScaledObject"),
    }


def test_the_api_has_every_part_and_all_is_valid(api: dict[str, dict[str, Any]]) -> None:
    assert set(api) == {"Deployment", "Service", "PodDisruptionBudget", "NetworkPolicy"}
    for document in api.values():
        validate(document)
        assert document["metadata"]["namespace"] == "contracts"


def test_the_page_shows_the_overlay_that_is_tested() -> None:
    page = (ROOT / "docs/kubernetes.md").read_text()
    shown = page.partition("```yaml\n")[2].partition("```")[0].replace("../contract-service/", "../../")
    assert yaml.safe_load(shown) == yaml.safe_load((COMPLETE / "kustomization.yaml").read_text())


def test_each_document_is_valid(complete: dict[str, dict[str, Any]]) -> None:
    for document in complete.values():
        validate(document)


@pytest.mark.parametrize("kind", CUSTOM)
def test_a_mistake_would_be_noticed(complete: dict[str, dict[str, Any]], kind: str) -> None:
    wrong = {**complete[kind], "spec": {**complete[kind]["spec"], "mistake": 1}}
    with pytest.raises(ValidationError):
        validate(wrong)


def test_all_of_it_is_in_the_namespace(complete: dict[str, dict[str, Any]]) -> None:
    name = complete["Namespace"]["metadata"]["name"]
    for kind, document in complete.items():
        assert (kind in CLUSTER_WIDE) or document["metadata"]["namespace"] == name, kind


def test_all_pods_run_the_overlay_s_image(
    complete: dict[str, dict[str, Any]], api: dict[str, dict[str, Any]]
) -> None:
    images = {
        each["image"]
        for spec in (
            complete["StatefulSet"]["spec"],
            complete["Job"]["spec"],
            complete["CronJob"]["spec"]["jobTemplate"]["spec"],
            api["Deployment"]["spec"],
        )
        for each in spec["template"]["spec"]["containers"]
    }
    assert len(images) == 1
    assert images.pop().startswith("registry.example.com/contracts:")


def test_scraped_pods_are_the_job_that_alerts_ask_for(
    complete: dict[str, dict[str, Any]], api: dict[str, dict[str, Any]]
) -> None:
    monitor = complete["PodMonitor"]["spec"]
    [selected] = monitor["selector"]["matchExpressions"]
    [endpoint] = monitor["podMetricsEndpoints"]
    for document in (complete["StatefulSet"], api["Deployment"]):
        template = document["spec"]["template"]
        labels = template["metadata"]["labels"]
        assert labels[selected["key"]] in selected["values"]
        assert labels[monitor["jobLabel"]] == "contracts"
        assert endpoint["port"] in {port["name"] for port in template["spec"]["containers"][0]["ports"]}
    job = complete["Job"]["spec"]["template"]["metadata"]["labels"]
    assert job.get(selected["key"]) not in selected["values"]


def test_keda_alone_says_how_many(complete: dict[str, dict[str, Any]]) -> None:
    target = complete["ScaledObject"]["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("StatefulSet", complete["StatefulSet"]["metadata"]["name"])
    assert "replicas" not in complete["StatefulSet"]["spec"]
    partitions = int(complete["ConfigMap"]["data"]["CONTRACTS_TOPIC_PARTITIONS"])
    assert complete["ScaledObject"]["spec"]["maxReplicaCount"] <= partitions


def test_prometheus_takes_the_rules(complete: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    path = tmp_path / "rules.yml"
    path.write_text(yaml.safe_dump(complete["PrometheusRule"]["spec"]))
    standing = yaml.safe_load((ROOT / "ops/prometheus/rules/contracts.yml").read_text())
    assert unfolded(complete["PrometheusRule"]["spec"]) == unfolded(standing)
    if promtool := shutil.which("promtool"):
        done = subprocess.run([promtool, "check", "rules", path], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
