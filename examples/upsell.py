"""An upsell pipeline: a read model of its own, kept from changes, expiries and reached limits.

    python examples/upsell.py upsell.db

It needs no look-ups: the events carry what a decision needs. Its state is in SQLite. Offsets are
committed after the state, so an event may come twice, and every write is one that may be repeated:
contracts by `ce_sequence`, opportunities and upgrades by `ce_id`. Ends with Ctrl-C.
"""

import asyncio
import json
import os
import sqlite3
import sys
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord

SERVERS = os.environ.get("CONTRACTS_KAFKA_BOOTSTRAP_SERVERS", "localhost:9092")
PREFIX = os.environ.get("CONTRACTS_TOPIC_PREFIX", "")

NEXT_PLAN = {"basic": "professional", "professional": "enterprise"}

SCHEMA = """
CREATE TABLE IF NOT EXISTS contracts (
    account_id TEXT PRIMARY KEY, contract_id TEXT, plan TEXT, status TEXT, end_date TEXT, monthly_fee REAL,
    email TEXT, lapses INTEGER, deleted INTEGER, sequence TEXT, agreed_plan TEXT
);
CREATE TABLE IF NOT EXISTS opportunities (
    event_id TEXT PRIMARY KEY, account_id TEXT, contract_id TEXT, end_date TEXT, offer TEXT,
    days_left INTEGER, reason TEXT
);
CREATE TABLE IF NOT EXISTS upgrades (
    event_id TEXT PRIMARY KEY, account_id TEXT, contract_id TEXT, plan TEXT, period TEXT, metric TEXT,
    percent REAL, offer TEXT, costs_more REAL, sequence TEXT
);
CREATE VIEW IF NOT EXISTS open_upgrades AS
    SELECT u.*, c.email FROM upgrades u JOIN contracts c USING (contract_id, plan)
    WHERE NOT c.deleted AND c.status IN ('active', 'pending_renewal') AND c.agreed_plan IS NOT u.offer
    GROUP BY contract_id HAVING u.sequence = max(u.sequence);
CREATE VIEW IF NOT EXISTS open_opportunities AS
    SELECT o.*, c.email FROM opportunities o JOIN contracts c USING (contract_id, end_date)
    WHERE c.lapses AND NOT c.deleted AND c.status IN ('active', 'pending_renewal')
    GROUP BY contract_id HAVING days_left = min(days_left);
"""


def apply(model: sqlite3.Connection, record: ConsumerRecord) -> None:
    """Fold one event into the read model."""
    headers = {name: content.decode() for name, content in record.headers}
    data = json.loads(record.value)
    match headers["ce_type"].rpartition("contract.")[2]:
        case "changed.v1":
            changed(model, data, headers["ce_sequence"])
        case "expiring.v1":
            expiring(model, data, headers["ce_id"])
        case "limit_reached.v1":
            limit_reached(model, data, headers["ce_id"], headers["ce_sequence"])
        case _:
            pass  # a newer version of the service may tell of more: that must not stop us


def changed(model: sqlite3.Connection, data: dict[str, Any], sequence: str) -> None:
    """Keep the newest state of the account's contract.

    Personal data is kept here only: it goes with the event that tells of its erasure. An accepted offer is in
    the terms of the renewal: the plan in them is agreed, and need not be offered any more.
    """
    contract = data["contract"]
    cancelled = any(
        each["kind"] == "cancellation" and each["effective_at"] <= contract["end_date"]
        for each in contract["scheduled_changes"]
    )
    model.execute(
        """
        INSERT INTO contracts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (account_id) DO UPDATE SET contract_id = excluded.contract_id, plan = excluded.plan,
            status = excluded.status, end_date = excluded.end_date, monthly_fee = excluded.monthly_fee,
            email = excluded.email, lapses = excluded.lapses, deleted = excluded.deleted,
            sequence = excluded.sequence, agreed_plan = excluded.agreed_plan
        WHERE excluded.sequence > contracts.sequence
        """,
        (
            contract["account_id"],
            contract["contract_id"],
            contract["contract_type"],
            contract["status"],
            contract["end_date"],
            contract["base_monthly_fee"],
            contract.get("primary_contact", {}).get("email"),
            cancelled or not contract["auto_renewal"],
            data["change"] == "deleted",
            sequence,
            contract.get("renewal_terms", {}).get("contract_type"),
        ),
    )


def expiring(model: sqlite3.Connection, data: dict[str, Any], event_id: str) -> None:
    """Somebody should call: with the next larger plan, where there is one."""
    plan = data["contract_type"]
    row = (event_id, data["account_id"], data["contract_id"], data["end_date"], NEXT_PLAN.get(plan, plan))
    model.execute(
        "INSERT OR IGNORE INTO opportunities VALUES (?, ?, ?, ?, ?, ?, ?)",
        (*row, data["days_left"], data["reason"]),
    )


def limit_reached(model: sqlite3.Connection, data: dict[str, Any], event_id: str, sequence: str) -> None:
    """Offer a plan with more room, unless the present one will do, or none would."""
    covering = data.get("covering_plan")
    if covering is None or covering["contract_type"] == data["contract_type"]:
        return
    row = (event_id, data["account_id"], data["contract_id"], data["contract_type"], data["period"])
    offer = (covering["contract_type"], covering["difference"])
    written = model.execute(
        "INSERT OR IGNORE INTO upgrades VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*row, data["metric"], data["percent"], *offer, sequence),
    )
    if written.rowcount:
        print(
            f"{data['account_id']}: {data['metric']} at {data['percent']:g} %, offer {offer[0]}", flush=True
        )


async def follow(model: sqlite3.Connection) -> None:
    """Fold events until cancelled."""
    consumer = AIOKafkaConsumer(
        PREFIX + "contracts.changed",
        PREFIX + "contracts.expiring",
        PREFIX + "contracts.limit-reached",
        bootstrap_servers=SERVERS,
        group_id="upsell",
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    async with consumer:
        while True:
            batches = await consumer.getmany(timeout_ms=1_000)
            with model:
                for records in batches.values():
                    for record in records:
                        apply(model, record)
            if batches:
                await consumer.commit()


def main(path: str) -> None:
    """Keep the read model in a file."""
    model = sqlite3.connect(path)
    model.executescript(SCHEMA)
    try:
        asyncio.run(follow(model))
    except KeyboardInterrupt:
        pass
    finally:
        model.close()


if __name__ == "__main__":
    main(sys.argv[1])
