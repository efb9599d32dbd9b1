"""`report_usage`: the usage of an account so far in a period, compared with its limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from consumer.domain.changing import Bookkeeping, on_contract
from consumer.domain.handlers import Move
from consumer.domain.limits import measured
from consumer.domain.mistakes import mistake, rejected
from consumer.domain.model import Rejected, Unchanged
from consumer.domain.statuses import RUNNING, in_order
from consumer.domain.usage import known, open_periods, with_report

if TYPE_CHECKING:
    from datetime import datetime

    from consumer.domain.changing import Result
    from consumer.domain.lifecycle import Moment
    from schemas.commands import ReportUsageData
    from schemas.contract import Contract
    from schemas.parts import Usage


def report_usage(contract: Contract, data: ReportUsageData, moment: Moment) -> Result:
    """Only a value above the known one counts, so reports may be repeated and come in any order."""
    if refusal := _refusal(data, moment.now):
        return refusal
    period, metric, value = data["period"], data["metric"], data["value"]
    usage = known(contract, period, metric)
    if usage is not None and value <= usage["value"]:
        return Unchanged(f"{metric} in {period} is known to be {usage['value']} already")
    reached = None if usage is None else usage["reached"]
    report: Usage = {"period": period, "metric": metric, "value": value, "reached": reached}
    after = with_report(contract, report, moment)
    return Bookkeeping(*measured(after, moment.now, moment, period=period))


def _refusal(data: ReportUsageData, now: datetime) -> Rejected | None:
    last, running = open_periods(now)
    if data["period"] < last:
        return Rejected("period_closed", f"{data['period']} is over: usage can be reported from {last} on")
    if data["period"] > running:
        return Rejected("period_ahead", f"{data['period']} has not begun: the running period is {running}")
    if data["metric"] != "trade_value" and data["value"] % 1:
        return rejected("invalid_terms", [mistake("must be a whole number of trades", "value")])
    return None


HANDLER: Final = on_contract(report_usage, *(Move(status, status) for status in in_order(RUNNING)))
