"""How the contenders store money: Decimal128, as the service does."""

from __future__ import annotations

from datetime import UTC
from decimal import Decimal
from typing import Any, Final

from bson import Decimal128
from bson.codec_options import CodecOptions, TypeCodec, TypeRegistry


class _MoneyCodec(TypeCodec):
    python_type = Decimal
    bson_type = Decimal128

    def transform_python(self, value: Decimal) -> Decimal128:
        return Decimal128(value)

    def transform_bson(self, value: Decimal128) -> Decimal:
        return value.to_decimal()


CODEC: Final[CodecOptions[dict[str, Any]]] = CodecOptions(
    tz_aware=True, tzinfo=UTC, type_registry=TypeRegistry([_MoneyCodec()])
)
