"""The proxy fails in the ways it promises, and only in those."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from devstack.ports import reserve_port
from devstack.proxy import Proxy


class Echo:
    """A server that sends back what it gets, and remembers it."""

    def __init__(self) -> None:
        self.reserved = reserve_port()
        self.received = bytearray()
        self.heard = threading.Condition()
        self.listener = socket.create_server(("127.0.0.1", self.reserved.number))
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self.listener.close()
        self.reserved.release()

    def wait_for(self, text: bytes) -> bool:
        with self.heard:
            return self.heard.wait_for(lambda: text in self.received, timeout=10)

    def _accept(self) -> None:
        try:
            while True:
                connection, _ = self.listener.accept()
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()
        except OSError:
            return

    def _answer(self, connection: socket.socket) -> None:
        try:
            with connection:
                while heard := connection.recv(65536):
                    with self.heard:
                        self.received += heard
                        self.heard.notify_all()
                    connection.sendall(heard)
        except OSError:
            return


@pytest.fixture
def echo() -> Iterator[Echo]:
    server = Echo()
    yield server
    server.close()


@pytest.fixture
def proxy(echo: Echo) -> Iterator[Proxy]:
    with Proxy(echo.reserved.number) as proxy:
        yield proxy


@pytest.fixture
def client(proxy: Proxy) -> Iterator[socket.socket]:
    with connect(proxy) as client:
        yield client


def connect(proxy: Proxy) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", proxy.port), timeout=10)
    assert ask(client, b"hello") == b"hello"
    return client


def ask(client: socket.socket, question: bytes) -> bytes:
    client.sendall(question)
    return receive(client, len(question))


def receive(client: socket.socket, length: int) -> bytes:
    answer = b""
    while len(answer) < length:
        part = client.recv(length - len(answer))
        assert part, "closed"
        answer += part
    return answer


def hears_nothing(client: socket.socket) -> bool:
    client.settimeout(0.3)
    try:
        return not client.recv(1)
    except TimeoutError:
        return True
    finally:
        client.settimeout(10)


def test_forwards_more_than_it_can_hold(client):
    question = bytes(range(256)) * 40_000
    sender = threading.Thread(target=client.sendall, args=(question,))
    sender.start()
    assert receive(client, len(question)) == question
    sender.join()


def test_cut_resets_connections_and_refuses_new_ones(proxy, client):
    assert proxy.connections == 1
    proxy.cut()
    assert proxy.connections == 0
    with pytest.raises(ConnectionResetError):
        client.recv(1)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", proxy.port))


def test_heal_after_cut_listens_on_the_same_port(proxy):
    proxy.cut()
    proxy.heal()
    connect(proxy).close()


def test_stall_delivers_nothing_and_heal_delivers_what_was_held(proxy, client, echo):
    proxy.stall()
    client.sendall(b"held")
    assert hears_nothing(client)
    assert b"held" not in echo.received
    proxy.heal()
    assert receive(client, 4) == b"held"


def test_stall_accepts_connections_and_stays_silent(proxy):
    proxy.stall()
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as late:
        late.sendall(b"held")
        assert hears_nothing(late)
        proxy.heal()
        assert receive(late, 4) == b"held"


def test_stalled_replies_let_requests_through_and_are_lost_in_a_cut(proxy, client, echo):
    proxy.stall(replies_only=True)
    client.sendall(b"carried out")
    assert echo.wait_for(b"carried out")
    assert hears_nothing(client)
    proxy.cut()
    with pytest.raises(ConnectionResetError):
        client.recv(1)
    assert proxy.connections == 0


def test_delay_keeps_order_and_adds_up_both_ways(proxy, client):
    proxy.delay(0.1)
    began = time.monotonic()
    client.sendall(b"one ")
    client.sendall(b"two")
    assert receive(client, 7) == b"one two"
    assert time.monotonic() - began >= 0.2
    proxy.delay(60)
    proxy.heal()
    assert ask(client, b"three") == b"three"  # before the client loses patience, after ten seconds


def test_connection_ends_when_the_server_is_not_there(proxy):
    nobody = reserve_port()
    proxy.target_port = nobody.number
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as client:
        assert client.recv(1) == b""
    nobody.release()


def test_last_words_of_a_closing_server_arrive(proxy):
    text = b"x" * 5_000_000
    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy.target_port = listener.getsockname()[1]

        def speak() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(text)

        speaker = threading.Thread(target=speak)
        speaker.start()
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as client:
            assert receive(client, len(text)) == text
            assert client.recv(1) == b""
        speaker.join()


def test_last_words_of_a_closing_client_arrive(proxy):
    text = b"x" * 5_000_000
    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy.target_port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as client:
            connection, _ = listener.accept()
            sender = threading.Thread(target=lambda: (client.sendall(text), client.shutdown(socket.SHUT_WR)))
            sender.start()
            with connection:
                assert receive(connection, len(text)) == text
                assert connection.recv(1) == b""
            sender.join()


def test_port_is_given_back(echo):
    with Proxy(echo.reserved.number) as proxy:
        port = proxy.port
    with socket.create_server(("127.0.0.1", port)):
        pass
