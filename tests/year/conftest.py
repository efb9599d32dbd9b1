"""Ten thousand contracts say a lot; only what is worse than an error is logged."""

from tests.pipeline.conftest import quiet

__all__ = ["quiet"]
