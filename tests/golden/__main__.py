"""`python -m tests.golden` writes made.jsonl anew: everything that the pipeline makes of log.jsonl.

A difference means that the same log now replays to something else: that a service upgraded in
production and rebuilt from its log would tell another past. So made.jsonl changes only with a line
in CHANGELOG.md that says what changed.

`python -m tests.golden add ACCOUNT COMMAND DATA` puts a command to the end of the log first: for a new
kind of command. Nothing else of log.jsonl changes (`python -m tests.golden draw` is how it was first drawn).
"""

from __future__ import annotations

import sys

import orjson

from tests.golden.draw import drawn, with_command
from tests.golden.files import MADE, read_log, write_log
from tests.golden.pipeline import made_of

match sys.argv[1:]:
    case ["draw"]:
        write_log(drawn())
    case ["add", account, command, data]:
        write_log(with_command(read_log(), account, command, orjson.loads(data)))
    case []:
        pass
    case _:
        sys.exit(__doc__)
MADE.write_bytes(b"".join(line + b"\n" for line in made_of(read_log())))
