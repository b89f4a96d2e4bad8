#!/usr/bin/env python3
"""The gRPC test services in Python, with reflection v1alpha alone (that is all that grpcio-reflection has).

`grpc_server.py --port N`; the generated modules are found by PYTHONPATH. What each method does stands in the
`.proto` files.
"""
import argparse
import asyncio
import pathlib

import grpc
from google.api import httpbody_pb2
from google.protobuf import any_pb2, empty_pb2, json_format
from google.rpc import error_details_pb2, status_pb2
from grpc_reflection.v1alpha import reflection
from portolan.test.v1 import echo_pb2, echo_pb2_grpc, library_pb2, library_pb2_grpc

CODES = {code.value[0]: code for code in grpc.StatusCode}
BOOKS = json_format.Parse(
    (pathlib.Path(__file__).parent / "proto" / "books.json").read_text(encoding="utf-8"),
    library_pb2.ListBooksReply(),
).books


async def fail(context, code, message, details):
    """Ends the call with a status and its details; never returns."""
    status = status_pb2.Status(code=code, message=message, details=details)
    trailing = (("grpc-status-details-bin", status.SerializeToString()),) if details else ()
    await context.abort(CODES[code], message, trailing)


async def fail_as_told(context, request):
    """What `FailRequest` says."""
    details = []
    if request.violations:
        bad = error_details_pb2.BadRequest(
            field_violations=[
                {"field": one.field, "description": one.description} for one in request.violations
            ]
        )
        details.append(any_pb2.Any())
        details[-1].Pack(bad)
    if request.unknown_detail:
        unknown = "type.googleapis.com/portolan.test.v1.Nowhere"
        details.append(any_pb2.Any(type_url=unknown, value=b"\x08\x01"))
    await fail(context, request.code, request.message, details)


def pairs(entries):
    """Metadata as grpcio wants it."""
    return [(e.key, e.binary if e.key.endswith("-bin") else e.text) for e in entries]


def entry(key, value):
    """Metadata as it came."""
    if key.endswith("-bin"):
        return echo_pb2.MetadataEntry(key=key, binary=value)
    return echo_pb2.MetadataEntry(key=key, text=value)


class Echo(echo_pb2_grpc.EchoServiceServicer):
    """`portolan.test.v1.EchoService`."""

    def __init__(self):
        self.waiting = 0
        self.given_up = 0

    async def Echo(self, request, context):
        return request

    async def EchoUnsafe(self, request, context):
        return request

    async def Metadata(self, request, context):
        await context.send_initial_metadata(pairs(request.initial))
        context.set_trailing_metadata(pairs(request.trailing))
        reply = echo_pb2.MetadataReply()
        received = sorted(context.invocation_metadata(), key=lambda pair: pair[0])
        for key, value in received:
            if key == "user-agent":
                reply.user_agent = value
            elif not key.startswith(("grpc-", ":")) and key not in ("content-type", "te"):
                reply.received.append(entry(key, value))
        left = context.time_remaining()
        if left is not None:
            reply.time_left.FromNanoseconds(int(left * 1e9))
        return reply

    async def Fail(self, request, context):
        if request.code != 0:
            await fail_as_told(context, request)
        return empty_pb2.Empty()

    async def Wait(self, request, context):
        self.waiting += 1
        try:
            if request.WhichOneof("until") == "never":
                await asyncio.Event().wait()
            await asyncio.sleep(request.time.ToNanoseconds() / 1e9)
        except asyncio.CancelledError:
            self.given_up += 1
            raise
        finally:
            self.waiting -= 1
        return empty_pb2.Empty()

    async def WaitStats(self, request, context):
        return echo_pb2.WaitStatsReply(waiting=self.waiting, given_up=self.given_up)

    async def Count(self, request, context):
        for value in range(1, request.to + 1):
            if value > 1:
                await asyncio.sleep(request.gap.ToNanoseconds() / 1e9)
            yield echo_pb2.Number(value=value)
        if request.fail.code != 0:
            await fail_as_told(context, request.fail)

    async def Sum(self, requests, context):
        reply = echo_pb2.SumReply()
        async for number in requests:
            reply.count += 1
            reply.sum += number.value
        return reply

    async def Negate(self, requests, context):
        async for number in requests:
            if number.value == 0:
                await context.abort(grpc.StatusCode.ABORTED, "zero has no sign")
            yield echo_pb2.Number(value=-number.value)

    async def Raw(self, request, context):
        return request

    async def Large(self, request, context):
        return echo_pb2.LargeReply(data=bytes(i % 256 for i in range(request.size)))

    async def Old(self, request, context):
        return request


class Library(library_pb2_grpc.LibraryServiceServicer):
    """`portolan.test.v1.LibraryService`."""

    async def find(self, name, context):
        """A copy of a stored book, or NOT_FOUND."""
        for book in BOOKS:
            if book.name == name:
                copy = library_pb2.Book()
                copy.CopyFrom(book)
                return copy
        info = error_details_pb2.ErrorInfo(
            reason="NO_SUCH_BOOK", domain="library.portolan.test", metadata={"name": name}
        )
        detail = any_pb2.Any()
        detail.Pack(info)
        return await fail(context, grpc.StatusCode.NOT_FOUND.value[0], f"no book {name}", [detail])

    async def GetBook(self, request, context):
        return await self.find(request.name, context)

    async def ListBooks(self, request, context):
        wanted = [
            book
            for book in BOOKS
            if request.shelf in ("", "-", book.name.split("/")[1])
            and book.name > request.page_token
            and (not request.colours or book.colour in request.colours)
            and request.filter.title in book.title
            and (not request.filter.HasField("min_pages") or book.pages >= request.filter.min_pages)
        ]
        size = request.page_size if request.page_size > 0 else len(wanted)
        reply = library_pb2.ListBooksReply(books=wanted[:size])
        if len(wanted) > size:
            reply.next_page_token = wanted[size - 1].name
        return reply

    async def CreateBook(self, request, context):
        book = request.book
        if not book.name:
            book.name = f"shelves/{request.shelf}/books/new"
        return book

    async def UpdateBook(self, request, context):
        book = await self.find(request.book.name, context)
        if request.HasField("update_mask"):
            request.update_mask.MergeMessage(request.book, book, True, True)
            return book
        return request.book

    async def DeleteBook(self, request, context):
        await self.find(request.name, context)
        return empty_pb2.Empty()

    async def LendBook(self, request, context):
        book = await self.find(request.name, context)
        return library_pb2.LendBookReply(title=book.title, reader=request.reader)

    async def GetCover(self, request, context):
        await self.find(request.name, context)
        return httpbody_pb2.HttpBody(content_type="image/png", data=b"\x89PNG\r\n\x1a\n")


async def serve(port):
    """Serves until the process ends."""
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    echo_pb2_grpc.add_EchoServiceServicer_to_server(Echo(), server)
    library_pb2_grpc.add_LibraryServiceServicer_to_server(Library(), server)
    names = [
        echo_pb2.DESCRIPTOR.services_by_name["EchoService"].full_name,
        library_pb2.DESCRIPTOR.services_by_name["LibraryService"].full_name,
        reflection.SERVICE_NAME,
    ]
    reflection.enable_server_reflection(names, server)
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--port", type=int, required=True)
    asyncio.run(serve(arguments.parse_args().port))
