"""Contracts on basic terms, which updates change."""

from __future__ import annotations

import pytest

from tests.unit.domain.story import Account


@pytest.fixture
def account() -> Account:
    return Account("2026-01-31").create(
        contract_type="basic",
        primary_contact={"name": "Ada", "email": "ada@example.com"},
        metadata={"region": "eu"},
        notes="first",
    )


@pytest.fixture
def draft() -> Account:
    return Account("2026-01-31").create(contract_type="basic", status="draft")
