"""What an error of the Kafka client most likely means, and which setting to change."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from consumer.errors import BrokerDenied, BrokerUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping


class Meaning(NamedTuple):
    """What becomes of an error: its class, and what to do."""

    kind: type[BrokerDenied | BrokerUnavailable]
    hint: str


_MEANINGS: Final[Mapping[str, Meaning]] = {
    r"UnsupportedSaslMechanism": Meaning(
        BrokerDenied, "set CONTRACTS_KAFKA_SASL_MECHANISM to one that the broker has"
    ),
    r"CERTIFICATE_VERIFY_FAILED": Meaning(
        BrokerDenied,
        "CONTRACTS_KAFKA_SSL_CAFILE must hold the authority of the broker's certificate, and "
        "CONTRACTS_KAFKA_BOOTSTRAP_SERVERS the names that stand in it",
    ),
    r"WRONG_VERSION_NUMBER|RECORD_LAYER_FAILURE|PACKET_LENGTH_TOO_LONG": Meaning(
        BrokerDenied, "this port seems to be without TLS: see CONTRACTS_KAFKA_SECURITY_PROTOCOL"
    ),
    r"ConnectionResetError|Connection at \S+ closed|UNEXPECTED_EOF|IncompleteReadError": Meaning(
        BrokerUnavailable,
        "something answers there but ends the connection at once: does CONTRACTS_KAFKA_SECURITY_PROTOCOL fit "
        "this port, with TLS or without, with a log-in or without?",
    ),
    r"InconsistentGroupProtocol": Meaning(
        BrokerDenied,
        "a member of this group shares partitions out by another strategy: give the service a group of its "
        "own with CONTRACTS_GROUP_ID, or end that member",
    ),
    r"InvalidSessionTimeout": Meaning(
        BrokerDenied, "CONTRACTS_SESSION_TIMEOUT_MS must be within what the broker allows"
    ),
    r"InvalidGroupId": Meaning(BrokerDenied, "the broker does not accept CONTRACTS_GROUP_ID"),
    r"InvalidTransactionTimeout": Meaning(
        BrokerDenied,
        "CONTRACTS_TRANSACTION_TIMEOUT_MS must be at most transaction.max.timeout.ms of the broker",
    ),
}
"""By what stands in the error's text, or in its name where the text is empty."""


def meaning_of(text: str) -> Meaning | None:
    """What an error means; None: nothing beyond its class."""
    return next((meaning for pattern, meaning in _MEANINGS.items() if re.search(pattern, text)), None)
