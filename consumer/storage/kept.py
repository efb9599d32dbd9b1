"""What a history entry contains of an event, as MongoDB stores it: values as in the contract.

No key here is chosen by a caller: the keys of `metadata` are in the text of `path`.
"""

from datetime import datetime
from typing import Any, Final, NotRequired

from pydantic import ConfigDict, with_config
from typing_extensions import TypedDict

from schemas.events import ChangedField

_OPEN: Final = ConfigDict(extra="allow")


@with_config(_OPEN)
class KeptEvent(TypedDict):
    """A `change` of a contract, or a `notice`. A newer version may store more fields.

    Notices have `window_days`, or the `period`, `metric` and `threshold` of a limit. The other fields, except
    `effective_at`, belong to changes: `by` if nobody requested the change, `reason` of a deletion, `stamps`
    if time and author of the contract differ from those of the entry.
    """

    change: NotRequired[str]
    notice: NotRequired[str]
    version: NotRequired[int]
    window_days: NotRequired[int]
    period: NotRequired[str]
    metric: NotRequired[str]
    threshold: NotRequired[int]
    effective_at: datetime
    fields: NotRequired[list[ChangedField]]
    by: NotRequired[str]
    reason: NotRequired[str]
    stamps: NotRequired[dict[str, Any]]
