"""Records that no honest producer sends: broken JSON, hostile values, and good commands that got damaged.

Seeded, and endless. About a quarter stay valid, so that there is always state to be damaged.
"""

from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING, Any, get_args

from devstack.proof.load import TYPE, Load
from devstack.proof.rubbish import RUBBISH
from schemas.commands import COMMANDS
from schemas.contract import ContractState
from schemas.types import ContractTypeName

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from devstack.proof.message import Message

DEEP = (63, 64, 65, 1_000, 50_000)

# fmt: off
NOT_JSON = (
    b"[1,]", b"[,1]", b"[1,,2]", b"[1 2]", b"[1]]", b"[[1]", b"[", b"]", b"{", b"}", b'{"a":1,}', b"{'a':1}",
    b"{a:1}", b'{"a"', b'{"a":', b'{"a" 1}', b'{"a"::1}', b"{1:1}", b'{"a":1 "b":2}', b"{}{}",
    b"[01]", b"[+1]", b"[.5]", b"[1.]", b"[1e]", b"[1e+]", b"[-]", b"[--1]", b"[0x1]", b"[1_000]", b"[1.2.3]",
    b"[NaN]", b"[Infinity]", b"[-Infinity]", b"[nan]", b"nul", b"TRUE", b"undefined", b'"', b'"\\',
    b'["\\x41"]', b'["\\u12"]', b'["\\u{41}"]', b'["\t"]', b'["\n"]', b'["\x00"]', b"\x00", b"{}\x00", b"",
    b" ", b"\n\n", b"//x\n{}", b"/**/{}", b"#\n{}", b"\xef\xbb\xbf{}", b"\xff", b'["\xc0\xaf"]',
    b'["\xed\xa0\x80"]', b'["\xff"]', b'["\xf8\x88\x80\x80\x80"]', b'["\xe2\x82"]',
    "{}".encode("utf-16"), "{}".encode("utf-32"), b"\x1f\x8b\x08", b"<a/>", b"a: 1", b"(function(){})()",
    b"\xac\xed\x00\x05", b"\x00\x00\x00\x00\x01\x02",
)
ODD_JSON = (
    b"null", b"true", b"0", b"-0", b"-0.0", b'""', b"[]", b"[[]]", b'"x"', b'{"":{}}', b'{"a":1,"a":2}',
    b"1e400", b"-1e-400", b"1e99999", b"123456789012345678901234567890", b"9007199254740993", b"1" * 5_000,
    b"0." + b"9" * 5_000, b"1E+2", b'"\\ud800"', b'"\\udc00\\ud800"', b'"\\u0000"', b'"\\uFFFF"',
    b'"\\ud83d\\ude00"', b'{"$where":"sleep(1)"}', b'{"$gt":""}', b'{"__proto__":{"x":1}}',
    b'{"a.b":{"$set":1}}', b'{"constructor":1}',
    *(b"[" * deep + b"]" * deep for deep in DEEP),
    *(b'{"a":' * deep + b"1" + b"}" * deep for deep in DEEP),
)
TEXTS = (
    "", " ", "\x00", "\x1b[31m", "\u202eevil", "\ufeff", "\U0001f642", "e\u0301", "\uffff",
    "../../etc/passwd", "null", "$where", "a.b", "%24", "${jndi:ldap://x}", "<script>", "{{7*7}}",
    "\r\nx: y", "0", "-1", "1e309", "2026-02-30", "9999-12-31T23:59:59.999Z", "0001-01-01T00:00:00Z",
    "2026-01-01T00:00:00+99:99",
)
# fmt: on
NUMBERS = (0, -1, 0.1, 1e-9, 2**31, 2**53, 2**63, -(2**63) - 1, 10**30, 1e308, 99999999999.12345)
FIELDS = (*ContractState.__annotations__, "note", "$set", "")
KEYS = (None, b"", b"\xff\xfe", b"\x00", b"a" * 129, b"a" * 10_000, b"line\nbreak", b"\xe2\x80\xae", b" ")


class Hostile:
    """An endless stream of records about `accounts` accounts."""

    def __init__(self, seed: int, *, accounts: int = 200) -> None:
        self._random = Random(seed)
        self._good = Load(seed, accounts=accounts, rubbish=0)
        self._number = 0

    def messages(self, count: int) -> Iterator[Message]:
        """The next ones."""
        for _ in range(count):
            self._number += 1
            [good] = self._good.messages(1)
            (make,) = self._random.choices([*_MAKERS], [*_MAKERS.values()])
            yield make(self._random, good._replace(key=good.key or b""), f"hostile-{self._number}")


def _unchanged(random: Random, good: Message, id_: str) -> Message:
    return good


def _known_rubbish(random: Random, good: Message, id_: str) -> Message:
    make = random.choice(RUBBISH[:-1])
    return make(random, (good.key or b"").decode(), id_)


def _unreadable(random: Random, good: Message, id_: str) -> Message:
    return RUBBISH[-1](random, (good.key or b"").decode(), id_)


def _broken_json(random: Random, good: Message, id_: str) -> Message:
    """A broken or odd document, as the whole value or somewhere inside a command."""
    document = random.choice(random.choice([NOT_JSON, ODD_JSON]))
    around = random.choice(
        [
            b"%s",
            b'{"changes":%s}',
            b'{"changes":{"notes":%s}}',
            b'{"changes":{"metadata":%s}}',
            b'{"changes":{"base_monthly_fee":%s}}',
            b'{"contract_type":%s}',
            b'{"contract_type":"basic","metadata":%s}',
            b'{"specversion":"1.0","id":%s,"source":"/crm","type":"com.easytrade.contract.update.v1"}',
        ]
    )
    return _command(random, good, id_, random.choice([*COMMANDS]), around.replace(b"%s", document))


def _hostile_values(random: Random, good: Message, id_: str) -> Message:
    """Well-formed JSON with any value in any field."""
    name = random.choice([*COMMANDS])
    fields = {random.choice(FIELDS): _value(random, 4) for _ in range(random.randrange(1, 4))}
    data: Any = {"changes": fields} if name == "update" else fields
    if name in ("create", "adopt", "change_plan") and random.random() < 0.7:
        data["contract_type"] = random.choice(get_args(ContractTypeName))
    # With lone surrogates, which only an escape can write.
    return _command(random, good, id_, name, json.dumps(data, ensure_ascii=random.random() < 0.5).encode())


def _value(random: Random, depth: int) -> Any:
    kind = random.randrange(8 if depth else 5)
    match kind:
        case 0 | 1:
            return random.choice(TEXTS)
        case 2:
            return random.choice(NUMBERS)
        case 3:
            return random.choice([None, True, False, "x" * random.choice([129, 10_001, 70_000])])
        case 4:
            return random.choice(["basic", "ann@example.com", "2027-01-01", 12, [], {}])
        case 5 | 6:
            return {
                random.choice([*TEXTS, *FIELDS]): _value(random, depth - 1)
                for _ in range(random.randrange(4))
            }
        case _:
            return [_value(random, depth - 1) for _ in range(random.randrange(4))]


def _damaged_value(random: Random, good: Message, id_: str) -> Message:
    return good._replace(value=_damaged(random, good.value or b"{}"))


def _damaged_header(random: Random, good: Message, id_: str) -> Message:
    """One header, or several: gone, twice, empty, long, or with something else in it."""
    headers = list(good.headers)
    for _ in range(random.randrange(1, 3)):
        at = random.randrange(len(headers))
        name, content = headers[at]
        match random.randrange(6):
            case 0:
                headers[at : at + 1] = []
            case 1:
                headers.append((name, random.choice(TEXTS).encode()))
            case 2:
                headers[at] = (name, random.choice([None, b"", b"x" * 5_000]))
            case 3:
                headers[at] = (name, random.choice(TEXTS).encode())
            case 4:
                headers[at] = (name, _damaged(random, content or b""))
            case _:
                headers[at] = (
                    random.choice([name.upper(), f"{name}\x00", "", "dlq-reason", "ce_" * 90]),
                    content,
                )
        if not headers:
            break
    return good._replace(headers=headers)


def _flooded(random: Random, good: Message, id_: str) -> Message:
    more = [(f"x-{number}", b"y" * random.randrange(200)) for number in range(random.randrange(50, 400))]
    return good._replace(headers=[*good.headers, *more])


def _odd_key(random: Random, good: Message, id_: str) -> Message:
    return good._replace(key=random.choice([*KEYS, *(text.encode() for text in TEXTS)]))


def _damaged(random: Random, content: bytes) -> bytes:
    """Some bytes cut, flipped, repeated or put in."""
    damaged = bytearray(content)
    for _ in range(random.choice([1, 1, 1, 2, 5])):
        at, end = sorted(random.randrange(len(damaged) + 1) for _ in range(2))
        match random.randrange(5):
            case 0:
                del damaged[at:end]
            case 1 if at < len(damaged):
                damaged[at] ^= 1 << random.randrange(8)
            case 2:
                damaged[at:at] = damaged[at:end]
            case 3:
                damaged[at:at] = random.choice(random.choice([NOT_JSON, ODD_JSON]))[:200]
            case _:
                del damaged[at:]
    return bytes(damaged)


def _command(random: Random, good: Message, id_: str, name: str, value: bytes) -> Message:
    attributes = {"specversion": "1.0", "id": id_, "source": "/crm", "type": TYPE.format(name)}
    if random.random() < 0.15:
        value = json.dumps(attributes)[:-1].encode() + b',"data":' + value + b"}"
        return good._replace(value=value, headers=[("content-type", b"application/cloudevents+json")])
    headers: list[tuple[str, bytes | None]] = [("content-type", b"application/json")]
    headers += [(f"ce_{attribute}", text.encode()) for attribute, text in attributes.items()]
    return good._replace(value=value, headers=headers)


_MAKERS: dict[Callable[[Random, Message, str], Message], float] = {
    _unchanged: 20,
    _known_rubbish: 10,
    _unreadable: 0.1,
    _broken_json: 22,
    _hostile_values: 20,
    _damaged_value: 15,
    _damaged_header: 8,
    _flooded: 0.9,
    _odd_key: 4,
}
