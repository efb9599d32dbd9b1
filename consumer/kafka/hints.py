"""What an error of the Kafka client most likely means, and which setting to change."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from consumer.errors import BrokerDenied, BrokerUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping


class Meaning(NamedTuple):
    """The class of the error to raise, and what to do."""

    kind: type[BrokerDenied | BrokerUnavailable]
    hint: str


_MEANINGS: Final[Mapping[str, Meaning]] = {
    r"UnsupportedSaslMechanism": Meaning(
        BrokerDenied, "set CONTRACTS_KAFKA_SASL_MECHANISM to a mechanism that the broker accepts"
    ),
    r"CERTIFICATE_VERIFY_FAILED": Meaning(
        BrokerDenied,
        "CONTRACTS_KAFKA_SSL_CAFILE must contain the authority that signed the broker's certificate, and "
        "CONTRACTS_KAFKA_BOOTSTRAP_SERVERS host names of that certificate",
    ),
    r"WRONG_VERSION_NUMBER|RECORD_LAYER_FAILURE|PACKET_LENGTH_TOO_LONG": Meaning(
        BrokerDenied, "the broker does not use TLS on this port: see CONTRACTS_KAFKA_SECURITY_PROTOCOL"
    ),
    r"ConnectionResetError|Connection at \S+ closed|UNEXPECTED_EOF|IncompleteReadError": Meaning(
        BrokerUnavailable,
        "the broker closes the connection at once: is CONTRACTS_KAFKA_SECURITY_PROTOCOL right for this port "
        "(TLS or not, SASL or not)?",
    ),
    r"InconsistentGroupProtocol": Meaning(
        BrokerDenied,
        "another program is in this consumer group, with another assignment strategy: stop it, or set "
        "CONTRACTS_GROUP_ID to a group that only this service uses",
    ),
    r"InvalidSessionTimeout": Meaning(
        BrokerDenied,
        "CONTRACTS_SESSION_TIMEOUT_MS must be between group.min.session.timeout.ms and "
        "group.max.session.timeout.ms of the broker",
    ),
    r"InvalidGroupId": Meaning(BrokerDenied, "the broker does not accept CONTRACTS_GROUP_ID"),
    r"InvalidTransactionTimeout": Meaning(
        BrokerDenied,
        "CONTRACTS_TRANSACTION_TIMEOUT_MS must be at most transaction.max.timeout.ms of the broker",
    ),
}
"""By a pattern in the text of the error, or in its name if the text is empty."""


def meaning_of(text: str) -> Meaning | None:
    """The meaning of an error of the client; None if only its class is known."""
    return next((meaning for pattern, meaning in _MEANINGS.items() if re.search(pattern, text)), None)
