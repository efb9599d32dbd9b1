"""Records that are no commands: one maker for each way in which producers get it wrong."""

import json
from collections.abc import Callable
from random import Random

from devstack.proof.message import Message


def _message(account: str, id_: str, value: bytes | None, **attributes: str | None) -> Message:
    given = {
        "ce_specversion": "1.0",
        "ce_id": id_,
        "ce_source": "/crm",
        "ce_type": "com.easytrade.contract.update.v1",
        "content-type": "application/json",
        **attributes,
    }
    headers: list[tuple[str, bytes | None]] = [
        (name, text.encode()) for name, text in given.items() if text is not None
    ]
    return Message(account.encode(), value, headers)


def not_json(random: Random, account: str, id_: str) -> Message:
    texts = [
        b'{"changes": {"notes": ',
        b"\xff\xfe",
        b'{"a": NaN}',
        b'{"a": 1, "a": 2}',
        b"",
        b"[" * 70 + b"]" * 70,
    ]
    return _message(account, id_, random.choice([*texts, None]))


def bad_envelope(random: Random, account: str, id_: str) -> Message:
    wrong: dict[str, str | None] = {
        "ce_specversion": "0.3",
        "ce_id": None,
        "ce_source": "not a uri",
        "ce_time": "yesterday",
    }
    name = random.choice([*wrong])
    return _message(account, id_, b"{}", **{name: wrong[name]})


def no_envelope(random: Random, account: str, id_: str) -> Message:
    return Message(account.encode(), random.choice([b"{}", b"hello", b'{"specversion": "1.0"}']), [])


def unknown_type(random: Random, account: str, id_: str) -> Message:
    return _message(account, id_, b"{}", ce_type=f"com.easytrade.contract.{random.choice(['updat', 'x'])}.v1")


def schema_violation(random: Random, account: str, id_: str) -> Message:
    changes = random.choice(
        [{"note": "a typo"}, {"notes": 5}, {"base_monthly_fee": -1}, {"tags": ["a", "a"]}]
    )
    return _message(account, id_, json.dumps({"changes": changes}).encode())


def wrong_subject(random: Random, account: str, id_: str) -> Message:
    return _message(account, id_, b'{"changes": {}}', ce_subject="somebody-else")


def no_key(random: Random, account: str, id_: str) -> Message:
    return _message(account, id_, b"{}")._replace(key=random.choice([None, b"", b"\xff", b"x" * 200]))


def forwarded_already(random: Random, account: str, id_: str) -> Message:
    """Away from home with the mark of a forwarded record; at home the mark means nothing."""
    message = _message(
        account, id_, b'{"changes": {"notes": "marked"}}', **{"contracts-forwarded-from": "other/0/7"}
    )
    return message._replace(via="crc32")


def large(random: Random, account: str, id_: str) -> Message:
    """Larger than a command may be; now and then so large that its dead letter is a pointer."""
    size = 950_000 if random.random() < 0.2 else 300_000
    if random.random() < 0.9:  # seldom: a large one costs as much as a thousand others
        return not_json(random, account, id_)
    return _message(account, id_, json.dumps({"changes": {"notes": "x" * size}}).encode())


def unreadable(random: Random, account: str, id_: str) -> Message:
    """With a header name that is not UTF-8: aiokafka cannot parse such a record."""
    return _message(account, id_, b'{"changes": {}}')._replace(via="unreadable")


RUBBISH: tuple[Callable[[Random, str, str], Message], ...] = (
    not_json,
    bad_envelope,
    no_envelope,
    unknown_type,
    schema_violation,
    wrong_subject,
    no_key,
    forwarded_already,
    large,
    unreadable,
)
