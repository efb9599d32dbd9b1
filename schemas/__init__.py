"""The wire: what commands, events and contracts look like. Imports nothing of the service."""
