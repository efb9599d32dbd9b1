"""`contracts run` that tells what it holds: `python -m tests.system.hostile.service FILE`.

Every tenth of a second a line: how many small objects are alive, and how many bytes the larger ones
take. Resident memory also counts what is free between them, and so hides a leak behind its own growth.
"""

import ctypes
import sys
import threading
import time
from pathlib import Path

from consumer.cli.main import main

SECONDS = 0.1


class _MallInfo(ctypes.Structure):
    """glibc's `struct mallinfo2`: ten sizes, of which `hblkhd` is the fifth and `uordblks` the eighth."""

    _fields_ = [("sizes", ctypes.c_size_t * 10)]


def tell(path: Path) -> None:
    """For as long as the process lives."""
    mallinfo = ctypes.CDLL(None).mallinfo2
    mallinfo.restype = _MallInfo
    with path.open("w", buffering=1) as told:
        while True:
            sizes = mallinfo().sizes
            told.write(f"{sys.getallocatedblocks()} {sizes[4] + sizes[7]}\n")
            time.sleep(SECONDS)


if __name__ == "__main__":
    threading.Thread(target=tell, args=(Path(sys.argv.pop()),), daemon=True).start()
    sys.argv.append("run")
    main()
