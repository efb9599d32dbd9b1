"""`python -m tools.client [directory]`: builds the client's wheel, into dist/ by default."""

import sys
from pathlib import Path

from tools.client.build import build_wheel

print(build_wheel(Path(sys.argv[1] if len(sys.argv) > 1 else "dist")))
