"""Commands from an asyncio service: into the log, and with their results.

Needs a running service (`contracts run`), and the settings that it runs with in the environment.
"""

import asyncio
from uuid import uuid4

from contracts_client import load_settings, make_command_producer
from contracts_client.errors import CommandRejected


async def main() -> None:
    """Publish some commands for a new account."""
    account = f"example-{uuid4().hex[:8]}"
    async with make_command_producer(load_settings(), source="/examples") as commands:
        # Returns once all replicas have the command. What becomes of it is told on contracts.command-results.
        sent = await commands.create(account, contract_type="basic", requested_by="ann")
        print("sent", sent.command_id, "to offset", sent.offset)

        # The same methods, returning what became of the command.
        awaiting = commands.awaiting(timeout=30)
        result = await awaiting.update(account, changes={"notes": "a loyal customer"})
        print(result.outcome, "version", result.version)

        # A refused command is a result like any other, and an error on demand.
        try:
            (await awaiting.update(account, changes={"status": "expired"})).raise_if_rejected()
        except CommandRejected as rejected:
            print("rejected", rejected.code, *[path for path, _ in rejected.errors])

        # Sent again under the same id it is a duplicate: after a time-out, repeating is safe.
        for _ in range(2):
            result = await awaiting.cancel(account, effective="end_of_term", command_id=f"cancel-{account}")
            print(result.outcome)

        # Many at once, those of an account in their order.
        notes = [commands.message("update", account, {"changes": {"notes": str(i)}}) for i in range(100)]
        print("sent", len(await commands.publish_all(notes)))
        await awaiting.delete(account)


if __name__ == "__main__":
    asyncio.run(main())
