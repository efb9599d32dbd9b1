"""Previews of commands, with the methods of a producer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from producers.typed import TypedCommands

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from consumer.reading.preview import ContractPreview, Preview
    from producers.messages import CommandMessage


class _Messages(Protocol):
    def message(
        self,
        name: str,
        account_id: str,
        data: Mapping[str, Any],
        *,
        command_id: str | None = None,
        correlation_id: str | None = None,
    ) -> CommandMessage:
        """A checked command."""


class PreviewedCommands(TypedCommands["Preview"]):
    """Returned by `previewing` of a CommandProducer or test kit. Each method returns a Preview.

    Args:
        messages: makes the commands in the form in which they would be sent.
        contracts: computes the previews.
        at: time of the preview, aware UTC; None: now.
    """

    def __init__(self, messages: _Messages, contracts: ContractPreview, at: datetime | None = None) -> None:
        self._messages = messages
        self._contracts = contracts
        self._at = at

    async def publish(
        self,
        name: str,
        account_id: str,
        data: Mapping[str, Any],
        *,
        command_id: str | None = None,
        correlation_id: str | None = None,
    ) -> Preview:
        """What a command would do. Publishes nothing.

        Raises:
            InputRefused: the data does not fit the command's schema, or the time is in the past.
            ServiceUnavailable: the database does not answer.
        """
        message = self._messages.message(
            name, account_id, data, command_id=command_id, correlation_id=correlation_id
        )
        return await self._contracts.command(message, self._at)
