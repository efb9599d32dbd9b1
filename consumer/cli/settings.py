"""`contracts settings`: the list of all settings."""

from __future__ import annotations

from typing import Any

from consumer.cli.output import Json, table_or_json


def settings(*, as_json: Json = False) -> None:
    """List all settings, with their meanings and defaults.

    Each setting is an environment variable. NAME_FILE is the path of a file with the value.

    Example: contracts settings --json
    """
    from consumer.settings_sections import SECTIONS
    from consumer.settings_sources import env_name

    rows = [
        {"setting": env_name(name), "default": default_text(field.default), "meaning": field.description}
        for section in SECTIONS
        for name, field in section.model_fields.items()
    ]
    table_or_json(rows, ("setting", "default", "meaning"), as_json=as_json)


def default_text(value: Any) -> str:
    """A default as it would be written in the environment; empty if there is none."""
    from pydantic import SecretStr

    match value:
        case None:
            return ""
        case SecretStr():
            return value.get_secret_value()
        case tuple():
            return ",".join(map(str, value))
        case bool():
            return str(value).lower()
        case _:
            return str(value)
