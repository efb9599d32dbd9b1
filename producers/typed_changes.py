"""The commands about scheduled changes as typed methods; `producers.typed` has these, too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from producers.typed_offers import Answer_co, TypedOffers

if TYPE_CHECKING:
    from schemas.commands import ScheduleChangeData, WithdrawChangeData


class TypedChanges(TypedOffers[Answer_co]):
    """What will change at a time to come."""

    async def schedule_change(
        self,
        account_id: str,
        *,
        command_id: str | None = None,
        correlation_id: str | None = None,
        **data: Unpack[ScheduleChangeData],
    ) -> Answer_co:
        """Schedules a change: at a moment, at the next renewal, or at the beginning of a later term."""
        return await self.publish(
            "schedule_change", account_id, data, command_id=command_id, correlation_id=correlation_id
        )

    async def withdraw_change(
        self,
        account_id: str,
        *,
        command_id: str | None = None,
        correlation_id: str | None = None,
        **data: Unpack[WithdrawChangeData],
    ) -> Answer_co:
        """Withdraws a scheduled change."""
        return await self.publish(
            "withdraw_change", account_id, data, command_id=command_id, correlation_id=correlation_id
        )
