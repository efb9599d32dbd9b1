"""Forwards one connection, under conditions that change while it lasts."""

import asyncio
import contextlib
import socket
import struct

CHUNK_BYTES = 64 * 1024
# Chunks waiting out a delay, per direction of a connection; then the sender is held back as by a full socket.
WAITING_CHUNKS = 256


class Conditions:
    """What holds for everything that is forwarded.

    Attributes:
        delay: seconds by which everything is late.
        requests: set while what clients send is forwarded.
        replies: set while what the server answers is forwarded.
    """

    def __init__(self) -> None:
        self.delay = 0.0
        self.requests = asyncio.Event()
        self.replies = asyncio.Event()


async def forward(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int, conditions: Conditions
) -> None:
    """Forwards a client's connection to a port until either side ends it."""
    try:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:  # the server is down: so is this connection
        return
    pumps = [
        asyncio.create_task(_pump(reader, far_writer, conditions.requests, conditions)),
        asyncio.create_task(_pump(far_reader, writer, conditions.replies, conditions)),
    ]
    try:
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        far_writer.close()
    except asyncio.CancelledError:
        reset(far_writer)
        raise
    finally:
        for pump in pumps:
            pump.cancel()


async def _pump(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    gate: asyncio.Event,
    conditions: Conditions,
) -> None:
    waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(WAITING_CHUNKS)
    sender = asyncio.create_task(_send(waiting, writer, gate))
    try:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(CHUNK_BYTES):
                await waiting.put((asyncio.get_running_loop().time() + conditions.delay, chunk))
        await waiting.join()
    finally:
        sender.cancel()


async def _send(
    waiting: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter, gate: asyncio.Event
) -> None:
    while True:
        due, chunk = await waiting.get()
        await asyncio.sleep(due - asyncio.get_running_loop().time())
        await gate.wait()
        with contextlib.suppress(OSError):  # the pump of the other direction sees the lost connection too
            writer.write(chunk)
            await writer.drain()
        waiting.task_done()


def reset(writer: asyncio.StreamWriter) -> None:
    """Close at once; with a lingering time of zero the other side gets a reset, not an orderly end."""
    with contextlib.suppress(OSError):
        writer.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
    writer.transport.abort()
