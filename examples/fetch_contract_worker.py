"""A Temporal worker that offers the activity `fetch_contract` to workflows on the task queue `upsell`.

Needs a Temporal server (TEMPORAL_ADDRESS, default localhost:7233), and the service's settings.
Ends with Ctrl-C.
"""

import asyncio
import os
from datetime import timedelta

from temporalio import workflow
from temporalio.client import Client
from temporalio.worker import Worker

with workflow.unsafe.imports_passed_through():  # Temporal's sandbox for workflows refuses what they import
    from contracts_client import load_settings
    from contracts_client.readers import contract_reader
    from contracts_client.temporal import ContractActivities, ContractData

TASK_QUEUE = "upsell"
SOON_DAYS = 30
NEAR_PERCENT = 80


@workflow.defn
class UpsellWorkflow:
    """Whether to offer the account a larger plan."""

    @workflow.run
    async def run(self, account_id: str) -> bool:
        """A contract that ends soon or nears a limit is worth a call, unless an offer is open already."""
        contract: ContractData = await workflow.execute_activity(
            "fetch_contract",
            account_id,
            result_type=ContractData,
            start_to_close_timeout=timedelta(seconds=30),
        )
        near = any(usage.percent is not None and usage.percent >= NEAR_PERCENT for usage in contract.usage)
        return not contract.offers and (near or 0 < contract.days_to_end <= SOON_DAYS)


async def main() -> None:
    """Work until interrupted."""
    client = await Client.connect(os.environ.get("TEMPORAL_ADDRESS", "localhost:7233"))
    async with contract_reader(load_settings()) as reader:
        activities = [ContractActivities(reader).fetch_contract]
        await Worker(client, task_queue=TASK_QUEUE, workflows=[UpsellWorkflow], activities=activities).run()


if __name__ == "__main__":
    asyncio.run(main())
