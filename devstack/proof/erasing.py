"""What an `erase` leaves of an account's past: written from docs/security.md, apart from the service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from devstack.proof.expected import Entry

GONE = ("primary_contact", "billing_contact", "notes", "cancellation_reason")
NAMED = ("created_by", "last_modified_by")
NOT_TOLD = {f"/{name}" for name in (*GONE, *NAMED, "metadata")}


def erased_former(contract: dict[str, Any]) -> dict[str, Any]:
    left = {name: value for name, value in contract.items() if name not in GONE}
    if "offers" in left:
        left["offers"] = _unnamed(left["offers"])
    return left | {
        "metadata": {},
        "created_by": "erased",
        "last_modified_by": "erased",
        "scheduled_changes": _unnamed(contract["scheduled_changes"]),
    }


def erased_entry(entry: Entry) -> Entry:
    named = entry.requested_by is not None and entry.type != "erase"
    return entry._replace(
        requested_by="erased" if named else entry.requested_by,
        changes=entry.changes and [_erased_change(change) for change in entry.changes],
    )


def _erased_change(change: dict[str, Any]) -> dict[str, Any]:
    left = {name: value for name, value in change.items() if name != "reason"}
    if "stamps" in left:
        left["stamps"] = left["stamps"] | {"last_modified_by": "erased"}
    if "fields" in left:
        left["fields"] = []
        for field in change["fields"]:
            kept = _erased_field(field)
            if kept not in left["fields"]:
                left["fields"].append(kept)
    return left


def _erased_field(field: dict[str, Any]) -> dict[str, Any]:
    top = "/" + field["path"].split("/")[1]
    if top in NOT_TOLD:
        return {"path": top, "erased": True}
    if top in ("/scheduled_changes", "/offers") and not field.get("erased"):
        return {name: value if name == "path" else _unnamed(value) for name, value in field.items()}
    return field


def _unnamed(scheduled: list[dict[str, Any]]) -> list[dict[str, Any]]:
    left = [{**each, "requested_by": "erased"} for each in scheduled]
    for each in left:
        each.pop("reason", None)
    return left
