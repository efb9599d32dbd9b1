"""The wire format of commands, events and contracts. Imports nothing from the service."""
