"""Commands for the contract service, checked before they are sent, with or without waiting for results.

    async with make_command_producer(load_settings(), source="/billing") as commands:
        await commands.create("account-1", contract_type="basic")

Beside this: `contracts_client.errors`, `settings`, `schemas`, `testkit`, `readers`, `manager`, `temporal`,
`tracing`.
What begins with an underscore is promised to nobody.
"""

from consumer.settings import Settings, load_settings
from producers.commands import CommandProducer
from producers.connect import make_command_producer
from producers.messages import CommandMessage
from producers.results import CommandResult
from producers.sending import Sent

__all__ = [
    "CommandMessage",
    "CommandProducer",
    "CommandResult",
    "Sent",
    "Settings",
    "load_settings",
    "make_command_producer",
]
