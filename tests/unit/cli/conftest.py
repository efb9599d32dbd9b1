"""The command line, called in this process."""

from tests.command_line import as_it_was, contracts

__all__ = ["as_it_was", "contracts"]
