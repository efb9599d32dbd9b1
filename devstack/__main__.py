"""`python -m devstack`: servers to work against."""

import argparse
import signal
import sys
import tempfile
import threading
from pathlib import Path

from devstack.cluster import KafkaCluster
from devstack.errors import ServerError
from devstack.mongo import build_secantus_rust
from devstack.stack import BROKERS, DATABASES, Stack

LOOK_SECONDS = 0.5


def main() -> None:
    """Do what the command line says; exit code 1 when a server fails."""
    arguments = _parser().parse_args()
    try:
        arguments.run(arguments)
    except ServerError as error:
        sys.exit(f"devstack: {error}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m devstack", description="Servers to work against.")
    commands = parser.add_subparsers(required=True)

    up = commands.add_parser("up", help="start a broker and a database, and keep them until Ctrl-C")
    kinds = [*BROKERS, KafkaCluster.kind]
    up.add_argument("--kafka", choices=kinds, default="noida", help="broker (default: %(default)s)")
    up.add_argument("--mongo", choices=DATABASES, default="secantus", help="database (default: %(default)s)")
    up.add_argument("--kafka-port", type=int, metavar="PORT", help="port of the broker (default: a free one)")
    up.add_argument(
        "--mongo-port", type=int, metavar="PORT", help="port of the database (default: a free one)"
    )
    up.add_argument(
        "--data", type=Path, help="folder that keeps the data; without it everything is forgotten"
    )
    up.set_defaults(run=_up)

    build = commands.add_parser(
        "build-secantus-rs", help="build the fast database server with cargo (minutes)"
    )
    build.set_defaults(run=lambda _: print(build_secantus_rust()))
    return parser


def _up(arguments: argparse.Namespace) -> None:
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with tempfile.TemporaryDirectory(prefix="devstack-") as forgotten:
        folder = arguments.data or Path(forgotten)
        stack = Stack(folder, kafka=arguments.kafka, mongo=arguments.mongo)
        if arguments.kafka_port:
            stack.kafka.use_port(arguments.kafka_port)
        if arguments.mongo_port:
            stack.mongo.use_port(arguments.mongo_port)
        with stack:
            for name, value in stack.environment.items():
                print(f"{name}={value}", flush=True)
            print(f"Data and logs in {folder}. Ctrl-C ends.", file=sys.stderr, flush=True)
            while not ended.wait(LOOK_SECONDS):
                for server in stack.servers:
                    server.check_running()


if __name__ == "__main__":
    main()
