"""Run by test_fixtures.py with the addresses of running servers."""


def test_uses_the_given_servers(kafka, mongo):
    assert kafka.kind == mongo.kind == "given"


def test_cannot_kill_a_given_broker(apache_kafka):
    raise AssertionError
