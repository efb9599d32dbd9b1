"""`contracts settings`: all settings, with their values and origins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from consumer.cli.output import Json, table_or_json

if TYPE_CHECKING:
    from consumer.settings import Settings

COLUMNS: Final = ("setting", "value", "origin", "default", "meaning")
MASK: Final = "***"


def settings(*, as_json: Json = False) -> None:
    """List all settings with their values and origins.

    Each setting is an environment variable. To read its value from a file, set NAME_FILE to the path of the
    file. The value of a secret is shown as ***.

    Example: contracts settings --json
    """
    from consumer.cli.running import load_settings
    from consumer.errors import SettingsError

    try:
        table_or_json(rows(load_settings()), COLUMNS, as_json=as_json)
    except SettingsError as error:
        table_or_json(rows(None), COLUMNS, as_json=as_json)
        error.hint = "correct the settings named above; the list shows the origin of each value"
        raise


def rows(loaded: Settings | None) -> list[dict[str, Any]]:
    """A row for each setting. None: settings are wrong, and are shown as they were given."""
    from consumer.settings import Settings
    from consumer.settings_sections import SECTIONS
    from consumer.settings_sources import env_name, origins

    given = origins(Settings)
    return [
        {
            "setting": env_name(name),
            "value": _effective(loaded, name) if loaded else _given(name, given[name].text, field.default),
            "origin": given[name].source,
            "default": default_text(field.default),
            "meaning": field.description,
        }
        for section in SECTIONS
        for name, field in section.model_fields.items()
    ]


def _effective(loaded: Settings, name: str) -> str:
    from pydantic import SecretStr

    if name == "mongo_uri":
        return loaded.mongo_address
    value = getattr(loaded, name)
    return MASK if isinstance(value, SecretStr) else default_text(value)


def _given(name: str, text: str | None, default: Any) -> str:
    from consumer.settings import Settings
    from consumer.settings_sources import is_secret

    if text is None:
        return default_text(default)
    return MASK if is_secret(Settings, name) else text


def default_text(value: Any) -> str:
    """A default as it would be written in the environment; empty if there is none."""
    from pydantic import SecretStr

    match value:
        case SecretStr():
            return value.get_secret_value()
        case tuple():
            return ",".join(map(str, value))
        case dict():
            return ",".join(f"{name}={meaning}" for name, meaning in value.items())
        case bool():
            return str(value).lower()
        case float() if value.is_integer():
            return str(int(value))
        case _:
            return "" if value is None else str(value)
