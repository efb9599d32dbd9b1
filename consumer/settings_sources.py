"""Sources of settings other than environment variables, and readable reports of mistakes."""

from __future__ import annotations

import os
import re
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from pydantic import ValidationError
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource

from consumer.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pydantic import BaseModel
    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

AnySettings = TypeVar("AnySettings", bound=BaseSettings)

ENV_PREFIX: Final = "CONTRACTS_"
SECRETS_DIR: Final = "CONTRACTS_SECRETS_DIR"
DEFAULT_SECRETS_DIR: Final = "/run/secrets"
FORM: Final = "form"
"""Key of what a setting's pattern asks for, in words: for messages."""

_NOT_OURS: Final = re.compile(
    r"CONTRACTS_(TEST|DEVSTACK|SECANTUS)_"
    r"|CONTRACTS_(.+_)?(SERVICE_HOST|SERVICE_PORT(_.+)?|PORT|PORT_\d+_(TCP|UDP)(_.+)?)$"
)
"""Test switches, and what Kubernetes puts into every pod for a Service whose name starts with contracts."""

_USER_INFO: Final = re.compile(r"(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]*://)[^\s\"'<>]*@")
_SECRET_OPTION: Final = re.compile(r"(?i)(?P<name>[a-z_]*(password|token|secret)[a-z_]*[=:])[^&,\s\"']+")


def hide_credentials(text: str) -> str:
    """`mongodb://user:password@host/db` -> `mongodb://***@host/db`, anywhere in the text."""
    return _SECRET_OPTION.sub(r"\g<name>***", _USER_INFO.sub(r"\g<scheme>***@", text))


def env_name(field_name: str) -> str:
    """`http_port` -> `CONTRACTS_HTTP_PORT`."""
    return f"{ENV_PREFIX}{field_name.upper()}"


class FileVariants(PydanticBaseSettingsSource):
    """Reads CONTRACTS_<NAME>_FILE and files named contracts_<name> in the secrets directory."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002
        """The text of the file, without the line break that editors add at its end."""
        path = _path_of(field_name)
        try:
            text = path.read_text("utf-8").rstrip("\r\n") if path else None
        except (OSError, UnicodeDecodeError):  # reported by environment_mistakes
            text = None
        return text, field_name, False

    def __call__(self) -> dict[str, Any]:
        """The values in files, by field name."""
        fields = self.settings_cls.model_fields
        found = {name: self.get_field_value(field, name)[0] for name, field in fields.items()}
        return {name: text for name, text in found.items() if text}


def _path_of(field_name: str) -> Path | None:
    named = os.environ.get(f"{env_name(field_name)}_FILE")
    if named:
        return Path(named)
    mounted = Path(os.environ.get(SECRETS_DIR) or DEFAULT_SECRETS_DIR) / env_name(field_name).lower()
    return mounted if mounted.is_file() else None


class Origin(NamedTuple):
    """The origin of a setting, and its text there; None: not given, so the default is used."""

    source: str
    text: str | None


DEFAULT: Final = Origin("default", None)


def origins(settings: type[BaseSettings]) -> dict[str, Origin]:
    """By field name: `environment`, `file PATH` or `default`. The first origin that gives a value wins."""
    environment, files = EnvSettingsSource(settings)(), FileVariants(settings)()
    found = dict.fromkeys(settings.model_fields, DEFAULT)
    found |= {name: Origin(f"file {_path_of(name)}", text) for name, text in files.items()}
    return found | {
        name: Origin("environment", str(text)) for name, text in environment.items() if name in found
    }


def environment_mistakes(field_names: Iterable[str]) -> Iterator[str]:
    """Mistakes that the values do not show: misspelt names, unreadable files, a value given twice."""
    known = {env_name(name): name for name in field_names}
    for name in sorted(os.environ):
        if name.startswith(ENV_PREFIX) and not _is_known(name, known) and not _NOT_OURS.match(name):
            yield f"{name}: there is no such setting{_did_you_mean(name, known)}"
    for name, field_name in known.items():
        yield from _file_mistakes(name, _path_of(field_name))


def _is_known(name: str, known: Mapping[str, str]) -> bool:
    return name == SECRETS_DIR or name.removesuffix("_FILE") in known


def _did_you_mean(name: str, known: Iterable[str]) -> str:
    names = [known_name.removeprefix(ENV_PREFIX) for known_name in known]
    close = get_close_matches(name.removeprefix(ENV_PREFIX), names, n=1)
    return f"; did you mean {ENV_PREFIX}{close[0]}?" if close else ""


def _file_mistakes(name: str, path: Path | None) -> Iterator[str]:
    if path is None:
        return
    if os.environ.get(name) and os.environ.get(f"{name}_FILE"):
        yield f"{name}: given twice, by {name} and by {name}_FILE"
    try:
        path.read_text("utf-8")
    except OSError as error:
        yield f"{name}_FILE: cannot read {path}: {error.strerror}"
    except UnicodeDecodeError:
        yield f"{name}_FILE: {path} is not UTF-8 text"


def load(settings: type[AnySettings], overrides: Mapping[str, Any]) -> AnySettings:
    """The settings from all sources, with `overrides` above them.

    Raises:
        SettingsError: one line for each mistake, without secrets.
    """
    mistakes = list(environment_mistakes(settings.model_fields))
    try:
        loaded = settings(**overrides)
    except ValidationError as error:
        mistakes += [_line(mistake, settings) for mistake in error.errors(include_url=False)]
    if mistakes:
        raise SettingsError(mistakes) from None
    return loaded


def _line(mistake: ErrorDetails, settings: type[BaseModel]) -> str:
    message = mistake["msg"].removeprefix("Value error, ").replace("Input should", "should")
    if not mistake["loc"]:
        return message
    name = str(mistake["loc"][0])
    if mistake["type"] == "string_pattern_mismatch":
        extra: Any = settings.model_fields[name].json_schema_extra
        message = f"must be {extra[FORM]}"
    value = "" if is_secret(settings, name) else f", not {hide_credentials(repr(mistake['input']))}"
    return f"{env_name(name)}: {message}{value}"


def is_secret(settings: type[BaseModel], field_name: str) -> bool:
    """Whether the value must never be shown."""
    field = settings.model_fields.get(field_name)
    return field is None or "SecretStr" in str(field.annotation)
