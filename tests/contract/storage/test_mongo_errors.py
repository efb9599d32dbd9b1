"""Each error of the driver as one of ours: what is waited for, what is retried, what is poison."""

import pytest
from bson.errors import InvalidDocument
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    ConfigurationError,
    DocumentTooLarge,
    DuplicateKeyError,
    ExecutionTimeout,
    InvalidOperation,
    NetworkTimeout,
    NotPrimaryError,
    OperationFailure,
    ServerSelectionTimeoutError,
    WaitQueueTimeoutError,
    WriteConcernError,
    WTimeoutError,
)

from consumer.errors import (
    AheadOfPosition,
    BatchTooLarge,
    ContractIdTaken,
    PoisonDocument,
    StoreDenied,
    StoreUnavailable,
    WriteConflict,
)
from consumer.storage.mongo_errors import translate, translated

NAMES = {
    1: "InternalError",
    2: "BadValue",
    8: "UnknownError",
    24: "LockTimeout",
    64: "WriteConcernTimeout",
    91: "ShutdownInProgress",
    133: "FailedToSatisfyReadPreference",
    14031: "OutOfDiskSpace",
    16755: "Location16755",
}


def failure(code, *labels, message="it failed"):
    error = OperationFailure(message, code, {"code": code, "errmsg": message, "errorLabels": list(labels)})
    for label in labels:
        error._add_error_label(label)
    return error


def bulk(code, message="it failed", **details):
    return BulkWriteError({"writeErrors": [{"index": 0, "code": code, "errmsg": message} | details]})


@pytest.mark.parametrize(
    "error",
    [
        AutoReconnect("connection closed"),
        NetworkTimeout("timed out"),
        ServerSelectionTimeoutError("no servers found yet"),
        WaitQueueTimeoutError("no connection in time"),
        NotPrimaryError("not primary", {"code": 10107, "errorLabels": ["TransientTransactionError"]}),
        NotPrimaryError("interrupted at shutdown", {"code": 11600}),
        ConfigurationError("a server that is none"),
        InvalidOperation("cannot use a closed client"),
        WriteConcernError("not enough data-bearing nodes", 100, {"code": 100}),
        WTimeoutError("waiting for replication timed out", 64, {"code": 64}),
        OperationFailure("without a code"),
        *(failure(code, message=name) for code, name in NAMES.items()),
        *(bulk(code, name) for code, name in NAMES.items()),
        BulkWriteError({"writeErrors": [], "writeConcernErrors": [{"code": 64, "errmsg": "late"}]}),
    ],
    ids=lambda error: f"{type(error).__name__} {getattr(error, 'code', '')}",
)
def test_what_is_not_known_to_be_our_fault_is_waited_for(error):
    """A full disk or an election must never turn commands into dead letters."""
    assert type(translate(error)) is StoreUnavailable


@pytest.mark.parametrize("code", [11, 13, 18, 8000])
def test_rights_are_the_operators_business(code):
    assert type(translate(failure(code))) is StoreDenied
    assert type(translate(bulk(code))) is StoreDenied


@pytest.mark.parametrize("code", [22, 52, 121, 10334, 17280, 17419, 17420])
def test_what_one_document_is_refused_for_is_poison(code):
    assert type(translate(failure(code))) is PoisonDocument
    assert type(translate(bulk(code))) is PoisonDocument


@pytest.mark.parametrize(
    "error",
    [
        InvalidDocument("cannot encode object"),
        DocumentTooLarge("BSON document too large"),
        OverflowError("MongoDB can only handle up to 8-byte ints"),
        UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_has_no_bson_is_poison(error):
    assert type(translate(error)) is PoisonDocument


@pytest.mark.parametrize("code", [50, 257, 262, 290, 359])
def test_what_is_too_much_for_the_server_may_be_less(code):
    assert type(translate(failure(code))) is BatchTooLarge
    assert type(translate(ExecutionTimeout("operation exceeded time limit", code, {}))) is BatchTooLarge


@pytest.mark.parametrize("server", [True, False])
def test_an_operation_out_of_time_says_which_setting_gives_more(server):
    """The driver's own message has negative seconds and all of its timeouts."""
    details = {"code": 50, "codeName": "MaxTimeMSExpired", "errmsg": "operation exceeded time limit"}
    if not server:
        timeouts = "(configured timeouts: timeoutMS: 30000.0ms, connectTimeoutMS: 20000.0ms)"
        seconds = "remaining timeout:-68.00210 <= network round trip time:0.00040"
        details = {"ok": 0, "errmsg": f"operation would exceed time limit, {seconds} {timeouts}", "code": 50}
    error = translate(ExecutionTimeout(details["errmsg"], 50, details))
    assert str(error) == "MongoDB did not answer in time"
    assert "CONTRACTS_MONGO_TIMEOUT_MS" in (error.hint or "")


@pytest.mark.parametrize("code", [24, 112, 244, 246, 251, 267])
def test_what_passes_is_tried_again(code):
    assert type(translate(failure(code, "TransientTransactionError"))) is WriteConflict


@pytest.mark.parametrize(
    ("details", "kind"),
    [
        ({"keyPattern": {"contract_id": 1}}, ContractIdTaken),
        ({"keyPattern": {"account_id": 1}}, AheadOfPosition),
        ({"keyPattern": {"_id": 1}}, AheadOfPosition),
        ({"errmsg": 'E11000 … index: contract_id_1 dup key: { contract_id: "x" }'}, ContractIdTaken),
        ({"errmsg": 'E11000 … index: account_id_1 dup key: { account_id: "contract_id" }'}, AheadOfPosition),
        ({"errmsg": "E11000 … index: _id_ dup key: { _id: 1 }"}, AheadOfPosition),
        ({}, AheadOfPosition),
    ],
)
def test_a_duplicate_is_told_by_its_index(details, kind):
    assert type(translate(bulk(11000, **details))) is kind
    whole = {"code": 11000, "errmsg": ""} | details
    assert type(translate(DuplicateKeyError(whole["errmsg"], 11000, whole))) is kind


def test_no_message_quotes_a_document():
    quoted = {"op": {"email": "ann@example.com"}, "keyValue": {"account_id": "acme-secret"}}
    message = 'E11000 duplicate key error index: account_id_1 dup key: { account_id: "acme-secret" }'
    ours = translate(bulk(11000, message, keyPattern={"account_id": 1}, **quoted))
    assert str(ours) == "there is another document with the same account_id"
    refused = translate(
        bulk(121, "Document failed validation", errInfo={"consideredValue": "ann@example.com"})
    )
    assert "example.com" not in str(refused)
    assert "Document failed validation" in str(refused)


def test_only_errors_of_the_driver_are_translated():
    """An error of the fold would otherwise pass for a poisonous document, and vanish as a dead letter."""
    for error in (ValueError("a date"), KeyError("x"), ZeroDivisionError()):
        with pytest.raises(type(error)), translated():
            raise error
    with pytest.raises(StoreUnavailable, match="does not answer") as raised, translated():
        raise AutoReconnect("connection closed")
    assert isinstance(raised.value.__cause__, AutoReconnect)
