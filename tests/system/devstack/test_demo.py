"""`contracts demo` as a newcomer runs it: in a pipe, with --keep, and when something is wrong."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from devstack import demo
from devstack.demo_story import LINES
from devstack.proof.checker import Checker
from devstack.proof.verdict import Verdict

COMMAND = [sys.executable, "-m", "consumer", "demo", "--commands", "200"]


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("CONTRACTS_")}


@pytest.fixture
def settings_as_they_were(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


def test_it_shows_the_work_and_proves_it(tmp_path: Path) -> None:
    ran = subprocess.run(COMMAND, env=environment(), capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stderr == ""
    assert "\x1b" not in ran.stdout
    assert [line.split()[0] for line in ran.stdout.splitlines()[:5]] == [
        "Servers",
        "Service",
        "Commands",
        "Work",
        "Proof",
    ]
    assert "lost=0 duplicated=0 reordered=0 diverged=0" in ran.stdout
    assert ran.stdout.splitlines()[-1].startswith("OK:")


def test_it_stays_up_until_it_is_told_to_end() -> None:
    running = subprocess.Popen([*COMMAND, "--keep"], env=environment(), stdout=subprocess.PIPE, text=True)
    try:
        assert running.stdout is not None
        said = []
        for line in running.stdout:
            said.append(line)
            if "readiness at" in line:
                break
        text = "".join(said)
        (url,) = re.findall(r"readiness at (\S+)\.\n", text)
        assert httpx.get(url).status_code == 200, text
        (file,) = re.findall(r"^  \. (\S+)$", text, re.MULTILINE)
        assert "contracts publish create acme" in text
        contracts = f"{sys.executable} -m consumer"
        publish = f". {file} && {contracts} publish create acme --set contract_type=basic --wait --json"
        done = subprocess.run(["bash", "-c", publish], capture_output=True, text=True, check=False)
        assert '"outcome":"applied"' in done.stdout, done.stderr
        looked_at(text)
        running.send_signal(signal.SIGTERM)
        assert running.stdout.read().splitlines()[-1].startswith("OK:")
        assert running.wait(60) == 0
        assert not Path(file).parent.exists()
    finally:
        running.kill()
        running.wait()


def looked_at(text: str) -> None:
    """The console and its story, with the token that the demo tells."""
    (console,) = re.findall(r"^  (http\S+/console)$", text, re.MULTILINE)
    (token,) = re.findall(r"sign in with (\S+), ", text)
    with httpx.Client(base_url=console.removesuffix("/console"), timeout=30) as http:
        assert "sign-in" in http.get("/console").headers["location"]
        http.cookies.set("contracts_console", token)
        assert "lighthouse" in http.get("/console/accounts/lighthouse").text
        http.headers["authorization"] = f"Bearer {token}"
        contracts = {}
        for account, _ in LINES:
            answer = http.get(f"/v1/accounts/{account}/contract")
            assert answer.status_code == 200, (account, answer.text)
            contracts[account] = answer.json()
        assert [each["kind"] for each in contracts["lighthouse"]["scheduled_changes"]] == ["plan_change"]
        assert contracts["meridian"]["status"] == "draft"
        assert contracts["harbour"]["term_number"] == 3
        assert [each["kind"] for each in contracts["harbour"]["scheduled_changes"]] == ["cancellation"]
        assert contracts["orchard"]["status"] == "pending_renewal"
        assert contracts["saltmarsh"]["status"] == "expired"


def test_a_difference_is_shown_and_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], settings_as_they_were: Any
) -> None:
    verdict = Verdict()
    verdict.add("lost", "contracts.changed/3", "account-1", expected="an event", found=None)
    monkeypatch.setattr(Checker, "check", lambda _: verdict)
    assert demo.run(commands=20, keep=False) is False
    said = capsys.readouterr().out
    assert "lost: contracts.changed/3, account 'account-1'" in said
    assert said.splitlines()[-1].startswith("FAILED")


def test_a_service_that_ends_by_itself_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], settings_as_they_were: Any
) -> None:
    monkeypatch.setattr(demo, "SERVICE", ["topics", "no-such-command"])
    assert demo.run(commands=20, keep=False) is False
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("FAILED: the service ended with code 2: ")
    assert "No such command" in last
