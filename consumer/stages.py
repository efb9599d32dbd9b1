"""The steps of a batch, as the metrics name them; here for the client, which has no metrics."""

from typing import Literal

Stage = Literal["fetch", "decode", "load", "fold", "store", "publish", "resume"]
