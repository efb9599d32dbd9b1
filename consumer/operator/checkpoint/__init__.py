"""Checkpoints: the state at one moment, as files."""
