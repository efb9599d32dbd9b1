"""What can go wrong with a server.

ServerError
├── ServerUnavailable   cannot be started here: a program or package is missing
├── ServerNotReady      was started and did not answer in time, or ended
└── ServerStateError    asked for something its present state does not allow
"""


class ServerError(Exception):
    """A server of the devstack failed."""


class ServerUnavailable(ServerError):
    """The server cannot be started on this machine."""


class ServerNotReady(ServerError):
    """The server did not become ready; the message ends with the tail of its log."""


class ServerStateError(ServerError):
    """The operation does not fit the state of the server."""
