"""`python -m tests.golden` writes made.jsonl anew: everything that the pipeline makes of log.jsonl.

A difference means that the same log now replays to something else: that a service upgraded in
production and rebuilt from its log would tell another past. So made.jsonl changes only with a line
in CHANGELOG.md that says what changed. log.jsonl stays as it is; new kinds of records are added to
its end (`python -m tests.golden draw` is how it was first drawn).
"""

from __future__ import annotations

import sys

from tests.golden.draw import drawn
from tests.golden.files import MADE, read_log, write_log
from tests.golden.pipeline import made_of

if sys.argv[1:] == ["draw"]:
    write_log(drawn())
MADE.write_bytes(b"".join(line + b"\n" for line in made_of(read_log())))
