"""One typed method for each command. What is returned depends on who publishes: see `CommandProducer`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Generic, TypeVar, Unpack

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.commands import (
        ActivateData,
        AdoptData,
        CancelData,
        ChangePlanData,
        CreateData,
        DeleteData,
        EraseData,
        RenewData,
        ReportUsageData,
        UpdateData,
        WithdrawCancellationData,
        WithdrawPlanChangeData,
    )

Answer_co = TypeVar("Answer_co", covariant=True)


class TypedCommands(ABC, Generic[Answer_co]):
    """The commands as methods; the data are keyword arguments, as schemas/commands.py describes them.

    Every method takes `command_id` (a new one when left out; the same again is a duplicate) and
    `correlation_id` (passed on to all events that come of the command), and raises what `publish` does.
    """

    @abstractmethod
    async def publish(
        self,
        name: str,
        account_id: str,
        data: Mapping[str, Any],
        *,
        command_id: str | None = None,
        correlation_id: str | None = None,
    ) -> Answer_co:
        """Publishes any command by its name."""

    async def create(
        self,
        account_id: str,
        *,
        command_id: str | None = None,
        correlation_id: str | None = None,
        **data: Unpack[CreateData],
    ) -> Answer_co:
        """Makes a new contract; what is left out comes from the template of its type."""
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
        """Takes over a contract from an older system as it stands."""
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
        """Takes back a scheduled plan change."""
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
        """Takes back a scheduled cancellation."""
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
        """Tells what the account has used in a period so far: a total, or the most at one time."""
        return await self.publish(
            "report_usage", account_id, data, command_id=command_id, correlation_id=correlation_id
        )
