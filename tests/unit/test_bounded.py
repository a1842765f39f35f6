"""What a stranger may send before there is a request: real sockets, and a clock moved by hand."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
from uvicorn.server import ServerState

from handlers import bounded
from handlers.bounded import BODY_S, HEAD_S, MOST_HEAD_BYTES, look_at
from handlers.gathering import GatheringProtocol


async def size(request):
    return Response(str(len(await request.body())))


class Site:
    def __init__(self):
        app = Starlette(routes=[Route("/", size, methods=["GET", "POST"])])
        self.config = uvicorn.Config(app, log_config=None, http=GatheringProtocol)
        self.config.load()
        self.state = ServerState()

    @contextlib.asynccontextmanager
    async def open(self):
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: GatheringProtocol(self.config, self.state, {}), "127.0.0.1", 0
        )
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            yield reader, writer
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    def later(self, seconds):
        look_at(self.state.connections, now=asyncio.get_running_loop().time() + seconds)


def story(told):
    site = Site()

    async def tell():
        async with asyncio.timeout(10), site.open() as (reader, writer):
            return await told(site, reader, writer)

    return asyncio.run(tell())


async def until(true):
    """The event loop goes on until it is."""
    while not true():  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0)


HEAD = b"GET / HTTP/1.1\r\nHost: here\r\n"


async def answered(reader):
    return await reader.readuntil(b"\r\n\r\n")


async def until_cut_off(reader):
    """The beginning of the last words, where the end of the connection did not overtake them."""
    with contextlib.suppress(ConnectionResetError):
        return (await reader.read())[:12]
    return b""


@pytest.mark.parametrize(
    "endless",
    [
        pytest.param(lambda n: b"X-%d: %s\r\n" % (n, b"a" * 1000), id="headers"),
        pytest.param(lambda n: b"X: " * (n == 0) + b"a" * 1000, id="a header"),
    ],
)
def test_a_head_without_end_is_cut_off(endless):
    async def told(_site, reader, writer):
        writer.write(HEAD)
        for number in range(2 * MOST_HEAD_BYTES // 1000):
            writer.write(endless(number))
        return await until_cut_off(reader)

    assert story(told) in (b"", b"HTTP/1.1 431")


def test_a_line_without_end_is_cut_off():
    async def told(_site, reader, writer):
        writer.write(b"GET /" + b"a" * (2 * MOST_HEAD_BYTES))
        return await until_cut_off(reader)

    assert story(told) in (b"", b"HTTP/1.1 431")


def test_a_head_that_is_a_little_too_large_is_told_so():
    async def told(site, reader, writer):
        writer.write(HEAD + b"X: " + b"a" * (MOST_HEAD_BYTES - len(HEAD) - 3))
        await until(lambda: any(one._head_bytes == MOST_HEAD_BYTES for one in seen(site)))
        writer.write(b"a")
        return await answered(reader)

    def seen(site):
        return site.state.connections

    assert story(told).startswith(b"HTTP/1.1 431 ")


def test_the_largest_head_is_taken_again_and_again():
    async def told(_site, reader, writer):
        codes = []
        for _ in range(3):
            writer.write(HEAD + b"X: " + b"a" * (MOST_HEAD_BYTES - 1000) + b"\r\n\r\n")
            codes.append((await answered(reader))[:12])
            await reader.readexactly(1)
        return codes

    assert story(told) == [b"HTTP/1.1 200"] * 3


@pytest.mark.parametrize("begun", [b"", b"GET", HEAD], ids=["nothing", "a word", "half a head"])
def test_who_does_not_come_to_the_point_is_left(begun):
    async def told(site, reader, writer):
        writer.write(begun)
        await until(lambda: site.state.connections and (not begun or parsing(site)))
        site.later(HEAD_S - 1)
        assert not writer.is_closing()
        site.later(HEAD_S + 1)
        return await reader.read()

    def parsing(site):
        return all(one._in_head for one in site.state.connections)

    assert story(told) == b""


def test_a_body_may_take_its_time_as_long_as_it_comes():
    async def told(site, reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 3\r\n\r\n")
        await until(lambda: any(one.cycle for one in site.state.connections))
        (one,) = site.state.connections
        for piece in (b"a", b"b"):
            before = one._waits_since
            writer.write(piece)
            await until(lambda before=before: one._waits_since != before)
            look_at([one], now=before + BODY_S)
        writer.write(b"c")
        return await answered(reader)

    assert story(told).startswith(b"HTTP/1.1 200")


def test_a_body_that_stops_is_given_up():
    async def told(site, reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 3\r\n\r\na")
        await until(lambda: any(one.cycle for one in site.state.connections))
        site.later(BODY_S + 1)
        return await reader.read()

    assert story(told) == b""


def test_an_answer_may_take_as_long_as_it_takes():
    gate = {}

    async def slow(_request):
        gate["begun"].set()
        await gate["open"].wait()
        return Response("done")

    async def told(site, reader, writer):
        gate["begun"], gate["open"] = asyncio.Event(), asyncio.Event()
        writer.write(HEAD + b"\r\n")
        await gate["begun"].wait()
        site.later(100 * HEAD_S)
        writer.write(b"GET")  # the next one, begun too early
        await asyncio.sleep(0)
        site.later(100 * HEAD_S)
        gate["open"].set()
        return await answered(reader)

    site = Site()
    site.config.loaded_app = Starlette(routes=[Route("/", slow)])

    async def tell():
        async with asyncio.timeout(10), site.open() as (reader, writer):
            return await told(site, reader, writer)

    assert asyncio.run(tell()).startswith(b"HTTP/1.1 200")


def test_patience_outlasts_what_keeps_a_quiet_connection_open():
    from handlers import listening

    assert bounded.HEAD_S > listening._KEEP_ALIVE_S
