"""Every field, outcome and code has its meaning, and none is left over."""

from typing import get_args

from schemas.commands import COMMANDS
from schemas.events import DeadLetterCode, OutcomeName, RejectionCode
from schemas.jsonschema import schemas
from schemas.meanings import DEAD_LETTERS, MEANINGS, OUTCOMES, REJECTIONS, meaning_of


def fields():
    """(shape, field, body) of everything published."""
    for label, schema in schemas().items():
        for shape, part in {label.partition(".")[0]: schema, **schema.get("$defs", {})}.items():
            for field, body in part.get("properties", {}).items():
                yield shape, field, body


def test_every_published_field_is_explained():
    assert [
        (shape, field) for shape, field, body in fields() if not {"description", "$ref"} & set(body)
    ] == []


def test_every_meaning_is_used():
    used = {meaning_of(shape, field) for shape, field, _ in fields()}
    assert [place for place, meaning in MEANINGS.items() if meaning not in used] == []


def test_a_field_may_mean_something_else_somewhere():
    assert meaning_of("cancel", "contract_id") == MEANINGS["command.contract_id"]
    assert meaning_of("contract", "contract_id") == MEANINGS["contract_id"]
    assert meaning_of("adopt", "contract_id") == MEANINGS["adopt.contract_id"]
    assert "adopt" in COMMANDS


def test_every_code_is_explained_in_its_order():
    assert tuple(OUTCOMES) == get_args(OutcomeName)
    assert tuple(REJECTIONS) == get_args(RejectionCode)
    assert tuple(DEAD_LETTERS) == get_args(DeadLetterCode)
