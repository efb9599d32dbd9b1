"""The stages of a batch, by their names in the metrics.

A separate module, because the client package has no metrics.
"""

from typing import Literal

Stage = Literal["fetch", "decode", "load", "fold", "store", "publish", "resume"]
