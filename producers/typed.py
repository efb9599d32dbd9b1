"""One typed method for each command. The return type depends on the class: see `CommandProducer`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from producers.typed_changes import TypedChanges
from producers.typed_offers import Answer_co

if TYPE_CHECKING:
    from schemas.commands import (
        ActivateData,
        CancelData,
        ChangePlanData,
        DeleteData,
        EraseData,
        RenewData,
        ReportUsageData,
        UpdateData,
        WithdrawCancellationData,
        WithdrawPlanChangeData,
    )
    from schemas.terms import AdoptData, CreateData


class TypedCommands(TypedChanges[Answer_co]):
    """The commands as methods. The data are keyword arguments, described in schemas/commands.py.

    Every method takes `command_id` (default: a new one; a second command with the same id is a duplicate) and
    `correlation_id` (copied to all events of the command), and raises the same errors as `publish`.
    """

    async def create(
        self,
        account_id: str,
        *,
        command_id: str | None = None,
        correlation_id: str | None = None,
        **data: Unpack[CreateData],
    ) -> Answer_co:
        """Creates a contract. Fields that are left out are copied from the template of its type."""
        return await self.publish(
            "create", account_id, data, command_id=command_id, correlation_id=correlation_id
        )

    async def adopt(
        self,
        account_id: str,
        *,
        command_id: str | None = None,
        correlation_id: str | None = None,
        **data: Unpack[AdoptData],
    ) -> Answer_co:
        """Takes over a contract from another system, unchanged."""
        return await self.publish(
            "adopt", account_id, data, command_id=command_id, correlation_id=correlation_id
        )

    async def update(
        self,
        account_id: str,
        *,
        command_id: str | None = None,
        correlation_id: str | None = None,
        **data: Unpack[UpdateData],
    ) -> Answer_co:
        """Changes terms, contacts and notes: `changes` is a JSON merge patch, None removes a field."""
        return await self.publish(
            "update", account_id, data, command_id=command_id, correlation_id=correlation_id
        )

    async def activate(
        self,
        account_id: str,
        *,
        command_id: str | None = None,
        correlation_id: str | None = None,
        **data: Unpack[ActivateData],
    ) -> Answer_co:
        """Turns a draft into an active contract."""
        return await self.publish(
            "activate", account_id, data, command_id=command_id, correlation_id=correlation_id
        )

    async def change_plan(
        self,
        account_id: str,
        *,
        command_id: str | None = None,
        correlation_id: str | None = None,
        **data: Unpack[ChangePlanData],
    ) -> Answer_co:
        """Changes the plan, now or at the next renewal."""
        return await self.publish(
            "change_plan", account_id, data, command_id=command_id, correlation_id=correlation_id
        )

    async def withdraw_plan_change(
        self,
        account_id: str,
        *,
        command_id: str | None = None,
        correlation_id: str | None = None,
        **data: Unpack[WithdrawPlanChangeData],
    ) -> Answer_co:
        """Withdraws a scheduled plan change."""
        return await self.publish(
            "withdraw_plan_change", account_id, data, command_id=command_id, correlation_id=correlation_id
        )

    async def renew(
        self,
        account_id: str,
        *,
        command_id: str | None = None,
        correlation_id: str | None = None,
        **data: Unpack[RenewData],
    ) -> Answer_co:
        """Starts a new term from the end of the old one."""
        return await self.publish(
            "renew", account_id, data, command_id=command_id, correlation_id=correlation_id
        )

    async def cancel(
        self,
        account_id: str,
        *,
        command_id: str | None = None,
        correlation_id: str | None = None,
        **data: Unpack[CancelData],
    ) -> Answer_co:
        """Ends a contract, now or at the end of its term."""
        return await self.publish(
            "cancel", account_id, data, command_id=command_id, correlation_id=correlation_id
        )

    async def withdraw_cancellation(
        self,
        account_id: str,
        *,
        command_id: str | None = None,
        correlation_id: str | None = None,
        **data: Unpack[WithdrawCancellationData],
    ) -> Answer_co:
        """Withdraws a scheduled cancellation."""
        return await self.publish(
            "withdraw_cancellation", account_id, data, command_id=command_id, correlation_id=correlation_id
        )

    async def delete(
        self,
        account_id: str,
        *,
        command_id: str | None = None,
        correlation_id: str | None = None,
        **data: Unpack[DeleteData],
    ) -> Answer_co:
        """Removes the contract; its history stays."""
        return await self.publish(
            "delete", account_id, data, command_id=command_id, correlation_id=correlation_id
        )

    async def erase(
        self,
        account_id: str,
        *,
        command_id: str | None = None,
        correlation_id: str | None = None,
        **data: Unpack[EraseData],
    ) -> Answer_co:
        """Removes the personal data of the account from its contracts and their history."""
        return await self.publish(
            "erase", account_id, data, command_id=command_id, correlation_id=correlation_id
        )

    async def report_usage(
        self,
        account_id: str,
        *,
        command_id: str | None = None,
        correlation_id: str | None = None,
        **data: Unpack[ReportUsageData],
    ) -> Answer_co:
        """Reports the account's usage in a period so far: a total, or the highest value."""
        return await self.publish(
            "report_usage", account_id, data, command_id=command_id, correlation_id=correlation_id
        )
