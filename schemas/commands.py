"""The data of each command, and the table of all commands."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Final, Literal, NotRequired

from pydantic import with_config
from typing_extensions import TypedDict

from schemas.messages import MessageSpec
from schemas.names import Effective
from schemas.parts import STRICT, Overrides, RenewalTerms
from schemas.scheduled import Phase
from schemas.terms import AdoptData, CommandData, ContractPatch, CreateData
from schemas.types import (
    ContractId,
    ContractTypeName,
    Instant,
    Money,
    Period,
    PositiveInt,
    Reason,
    Reference,
    TermMonths,
    UsageMetric,
    Who,
)


class UpdateData(CommandData):
    """Changes terms, contacts and notes."""

    changes: ContractPatch


class ActivateData(CommandData):
    """Activates a draft. It starts at its `start_date`, or now if that is past."""


class ChangePlanData(CommandData):
    """Changes the plan, now or at the next renewal."""

    contract_type: ContractTypeName
    template_version: NotRequired[PositiveInt]
    effective: NotRequired[Effective]
    overrides: NotRequired[Overrides]


class WithdrawPlanChangeData(CommandData):
    """Withdraws a scheduled plan change."""


class RenewData(CommandData):
    """Starts a new term. Its default length is `term_months` of the contract."""

    term_months: NotRequired[TermMonths]
    end_date: NotRequired[Instant]


class CancelData(CommandData):
    """Ends the contract, now or at the end of its term."""

    effective: NotRequired[Literal["immediately", "end_of_term"]]
    reason: NotRequired[Reason]


class WithdrawCancellationData(CommandData):
    """Withdraws a scheduled cancellation."""


class DeleteData(CommandData):
    """Removes the contract; its history stays."""

    reason: NotRequired[Reason]


class EraseData(CommandData):
    """Removes the personal data of the account from its contracts and their history."""


class ReportUsageData(CommandData):
    """The account's usage in a period so far: a total, or the highest value."""

    period: Period
    metric: UsageMetric
    value: Money


class OfferRenewalData(CommandData):
    """Offers terms for the next renewal. Nothing changes until the offer is accepted."""

    offer_id: Reference
    terms: RenewalTerms
    valid_until: Instant


class AcceptOfferData(CommandData):
    """Accepts an open offer, for the next renewal or immediately."""

    offer_id: Reference
    effective: NotRequired[Effective]


class DeclineOfferData(CommandData):
    """Declines an open offer."""

    offer_id: Reference


class WithdrawOfferData(CommandData):
    """Withdraws an open offer."""

    offer_id: Reference


class ScheduleChangeData(CommandData, Phase):
    """Schedules a change: at a moment, at the next renewal, or at the beginning of a later term."""


class WithdrawChangeData(CommandData):
    """Withdraws a scheduled change."""

    change_id: Reference


@with_config(STRICT)
class AdvanceData(TypedDict):
    """From the scanner: applies everything that is due."""

    contract_id: ContractId
    due_at: Instant
    publish_state: NotRequired[bool]
    requested_by: NotRequired[Who]


@dataclass(frozen=True)
class CommandSpec(MessageSpec):
    """One row of the table of commands."""

    _: KW_ONLY
    deduplicated: bool = True


COMMANDS: Final[dict[str, CommandSpec]] = {
    spec.name: spec
    for spec in (
        CommandSpec("create", CreateData, "creates a contract"),
        CommandSpec("adopt", AdoptData, "takes over a contract from another system, unchanged"),
        CommandSpec("update", UpdateData, "changes terms, contacts and notes"),
        CommandSpec("activate", ActivateData, "activates a draft"),
        CommandSpec("change_plan", ChangePlanData, "changes the plan, now or at the next renewal"),
        CommandSpec("withdraw_plan_change", WithdrawPlanChangeData, "withdraws a scheduled plan change"),
        CommandSpec("renew", RenewData, "starts a new term from the end of the old one"),
        CommandSpec("cancel", CancelData, "ends a contract, now or at the end of its term"),
        CommandSpec("withdraw_cancellation", WithdrawCancellationData, "withdraws a scheduled cancellation"),
        CommandSpec("delete", DeleteData, "removes the contract; its history stays"),
        CommandSpec("erase", EraseData, "removes the account's personal data from contracts and history"),
        CommandSpec(
            "report_usage",
            ReportUsageData,
            "reports an account's usage so far",
            deduplicated=False,
        ),
        CommandSpec("offer_renewal", OfferRenewalData, "offers terms for the next renewal"),
        CommandSpec("accept_offer", AcceptOfferData, "accepts an open offer"),
        CommandSpec("decline_offer", DeclineOfferData, "declines an open offer"),
        CommandSpec("withdraw_offer", WithdrawOfferData, "withdraws an open offer"),
        CommandSpec("schedule_change", ScheduleChangeData, "schedules a change for later"),
        CommandSpec("withdraw_change", WithdrawChangeData, "withdraws a scheduled change"),
        CommandSpec("advance", AdvanceData, "applies everything that is due", deduplicated=False),
    )
}
"""Every command by name. To add one: a row here, a file in consumer/domain/commands/, a test."""

OLD_COMMANDS: Final[tuple[CommandSpec, ...]] = ()
"""Earlier versions that producers may still send. schemas/upcasting.py converts them to the newest."""

COMMANDS_BY_TYPE: Final[dict[str, CommandSpec]] = {
    spec.type: spec for spec in (*COMMANDS.values(), *OLD_COMMANDS)
}
