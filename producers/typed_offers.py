"""The commands about offers as typed methods. `producers.typed` has the others, and includes these."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Generic, TypeVar, Unpack

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.commands import AcceptOfferData, DeclineOfferData, OfferRenewalData, WithdrawOfferData

Answer_co = TypeVar("Answer_co", covariant=True)


class TypedOffers(ABC, Generic[Answer_co]):
    """Commands for offers for the next renewal."""

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

    async def offer_renewal(
        self,
        account_id: str,
        *,
        command_id: str | None = None,
        correlation_id: str | None = None,
        **data: Unpack[OfferRenewalData],
    ) -> Answer_co:
        """Offers terms for the next renewal. Nothing changes until the offer is accepted."""
        return await self.publish(
            "offer_renewal", account_id, data, command_id=command_id, correlation_id=correlation_id
        )

    async def accept_offer(
        self,
        account_id: str,
        *,
        command_id: str | None = None,
        correlation_id: str | None = None,
        **data: Unpack[AcceptOfferData],
    ) -> Answer_co:
        """Accepts an open offer, for the next renewal or immediately."""
        return await self.publish(
            "accept_offer", account_id, data, command_id=command_id, correlation_id=correlation_id
        )

    async def decline_offer(
        self,
        account_id: str,
        *,
        command_id: str | None = None,
        correlation_id: str | None = None,
        **data: Unpack[DeclineOfferData],
    ) -> Answer_co:
        """Declines an open offer."""
        return await self.publish(
            "decline_offer", account_id, data, command_id=command_id, correlation_id=correlation_id
        )

    async def withdraw_offer(
        self,
        account_id: str,
        *,
        command_id: str | None = None,
        correlation_id: str | None = None,
        **data: Unpack[WithdrawOfferData],
    ) -> Answer_co:
        """Withdraws an open offer."""
        return await self.publish(
            "withdraw_offer", account_id, data, command_id=command_id, correlation_id=correlation_id
        )
