"""One row a status: a forgotten one is told before the first command, and the tables follow the row."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from consumer.domain.rules import MUTABLE_IN
from consumer.domain.statuses import ENDED, RUNNING, STATUSES
from consumer.domain.transitions import TRANSITIONS
from schemas.fields import FIELDS

ROOT = Path(__file__).parents[3]
WITH_ANOTHER = """
from typing import Literal
from schemas import names
names.StatusName = Literal["draft", "active", "pending_renewal", "expired", "cancelled", "lost"]
import {module}
"""


@pytest.mark.parametrize(
    ("module", "table"),
    [
        ("consumer.domain.decider", "STATUSES in consumer/domain/statuses.py"),
        ("producers.contract_dicts", "ContractStatus in producers/contract_dicts.py"),
    ],
)
def test_a_status_without_its_row_is_told_at_once(module, table):
    program = WITH_ANOTHER.format(module=module)
    told = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    ).stderr
    assert told.splitlines()[-1].endswith(f"Incomplete: {table} has no row for lost: add it")


def test_time_passes_for_what_runs_and_a_new_contract_replaces_what_has_ended():
    assert {"active", "pending_renewal"} == RUNNING
    assert {"expired", "cancelled"} == ENDED


@pytest.mark.parametrize("status", STATUSES)
def test_every_status_can_be_adopted_updated_erased_and_deleted(status):
    moves = {(each.source, each.trigger, each.target) for each in TRANSITIONS}
    always = {(None, "adopt", status), (status, "update", status), (status, "erase", status)}
    assert always | {(status, "delete", None)} <= moves


def test_what_is_mutable_grows_from_what_ended_to_a_draft():
    assert MUTABLE_IN["expired"] < MUTABLE_IN["active"] < MUTABLE_IN["draft"] < FIELDS.keys()
    assert MUTABLE_IN["draft"] - MUTABLE_IN["active"] == {"start_date", "currency"}
    assert MUTABLE_IN["expired"] == {
        *("primary_contact", "billing_contact", "notes", "tags", "external_reference", "metadata")
    }
