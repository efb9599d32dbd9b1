"""The platform's walk through its contract API: create, read, update, query, count, delete.

Needs a running service (`contracts run`), and the settings that it runs with in the environment.
Every account of this run has a name of its own, so it can be run again and again.
"""

import sys
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from contracts_client.manager import (
    ContractStatus,
    ContractType,
    create_basic_contract_template,
    create_enterprise_contract_template,
    create_professional_contract_template,
    get_mongo_manager,
    initialize_mongodb,
)


def main() -> None:
    """Walk through."""
    if len(sys.argv) > 1 and not initialize_mongodb(sys.argv[1]):
        sys.exit(f"MongoDB at {sys.argv[1]} does not answer")
    manager = get_mongo_manager()
    run = uuid4().hex[:8]

    basic = create_basic_contract_template(f"{run}-basic")
    basic["primary_contact"] = {"name": "Ann", "email": "ann@example.com"}
    professional = create_professional_contract_template(f"{run}-professional")
    professional["end_date"] = datetime.now(UTC) + timedelta(days=20)
    professional["auto_renewal"] = False
    enterprise = create_enterprise_contract_template(f"{run}-enterprise")
    enterprise["base_monthly_fee"] = 1499.5
    ids = [manager.create_contract(template) for template in (basic, professional, enterprise)]
    print("created", *ids)

    contract = manager.get_contract_by_account_id(f"{run}-basic")
    assert contract is not None
    print("read", contract["contract_type"], contract["status"], contract["base_monthly_fee"])
    assert contract == manager.get_contract_by_id(ids[0])

    assert manager.update_contract(f"{run}-basic", {"base_monthly_fee": 89.0, "notes": "a loyal customer"})
    contract = manager.get_contract_by_id(ids[0])
    assert contract is not None
    print("updated", contract["base_monthly_fee"], contract["notes"], "version", contract["version"])

    def ours(contracts: list[dict[str, object]]) -> list[object]:
        return [each["account_id"] for each in contracts if str(each["account_id"]).startswith(run)]

    print("active", *ours(manager.get_contracts_by_status(ContractStatus.ACTIVE)))
    print("enterprise", *ours(manager.get_contracts_by_type(ContractType.ENTERPRISE)))
    print("expiring", *ours(manager.get_expiring_contracts(days_ahead=30)))

    before = manager.get_contract_count()
    for name in ("basic", "professional", "enterprise"):
        assert manager.delete_contract(f"{run}-{name}")
    assert not manager.delete_contract(f"{run}-basic")
    assert manager.get_contract_by_id(ids[0]) is None
    print("deleted", before - manager.get_contract_count())


if __name__ == "__main__":
    main()
