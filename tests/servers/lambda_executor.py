"""Runs Lambda functions: a front for moto that forwards everything but invocations.

    lambda_executor.py PORT MOTO_URL KEYS

KEYS is a JSON object of access keys and their secrets. Every invocation's signature is made anew with botocore and compared; a function
runs the handler of its name below. `GET /executor` answers, and forgets, what was invoked.
"""

import base64
import datetime
import http.client
import http.server
import itertools
import json
import struct
import sys
import threading
import urllib.parse
import zlib

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

PORT, MOTO, KEYS = int(sys.argv[1]), urllib.parse.urlsplit(sys.argv[2]), json.loads(sys.argv[3])
SYNC_LIMIT, EVENT_LIMIT = 6 << 20, 1 << 20
SKEW = datetime.timedelta(minutes=5)
FOREVER = threading.Event()
LOG = "START RequestId: 1\nhello from the log\nEND RequestId: 1\n"
invoked, invoked_lock = [], threading.Lock()


class Refused(Exception):
    """AWS's own answer instead of the function's."""

    def __init__(self, status, name, message="", **headers):
        self.status, self.name, self.message, self.headers = status, name, message, headers


class Failed(Exception):
    """The function's own error."""


def verify(handler, body):
    """The signature must be what botocore makes of the same request."""
    given = handler.headers.get("Authorization", "")
    if not given.startswith("AWS4-HMAC-SHA256 "):
        raise Refused(403, "MissingAuthenticationTokenException")
    fields = dict(field.split("=", 1) for field in given.removeprefix("AWS4-HMAC-SHA256 ").split(", "))
    key, date, region, service, _ = fields["Credential"].split("/")
    if key not in KEYS:
        raise Refused(403, "UnrecognizedClientException", "The security token included in the request is invalid.")
    if handler.headers.get("X-Amz-Security-Token") == "ended":
        raise Refused(403, "ExpiredTokenException", "The security token included in the request is expired")
    time = handler.headers["X-Amz-Date"]
    now, then = datetime.datetime.now(datetime.UTC), datetime.datetime.strptime(time, "%Y%m%dT%H%M%S%z")
    names = fields["SignedHeaders"].split(";")
    unsigned = [name for name in handler.headers if name.lower().startswith("x-amz-") and name.lower() not in names]
    if service != "lambda" or abs(now - then) > SKEW or not time.startswith(date) or unsigned:
        raise Refused(403, "InvalidSignatureException", "another service, time, or headers that are not signed")
    request = AWSRequest("POST", f"http://{handler.headers['Host']}{handler.path}", data=body)
    for name in names:
        request.headers[name] = ", ".join(handler.headers.get_all(name))
    request.context["timestamp"] = time
    auth = SigV4Auth(Credentials(key, KEYS[key]), service, region)
    text = auth.string_to_sign(request, auth.canonical_request(request))
    if auth.signature(text, request) != fields["Signature"]:
        raise Refused(403, "InvalidSignatureException", "The request signature we calculated does not match")


# The functions, by name. Each is given the payload's bytes and what was said of the call.


def echo(payload, _):
    return payload


def error(payload, _):
    raise Failed({"errorMessage": "it is broken", "errorType": "ValueError", "requestId": "1", "stackTrace": ["line 1"]})


def slow(payload, _):
    FOREVER.wait(60)
    return b"null"


def big(payload, _):
    return json.dumps("x" * (6_000_000)).encode()


def busy(payload, _):
    raise Refused(429, "TooManyRequestsException", "Rate Exceeded.", **{"Retry-After": "3"})


def denied(payload, _):
    raise Refused(403, "AccessDeniedException", "User: arn:aws:iam::123456789012:user/x is not authorized")


def broken(payload, _):
    raise Refused(502, "KMSDisabledException", "Lambda was unable to decrypt the environment variables")


def web(payload, _):
    """Answers a request in payload format 2.0 with what it was given."""
    event = json.loads(payload)
    if event["rawQueryString"] == "malformed":
        return b'{"statusCode": "no"}'
    return json.dumps({
        "statusCode": 201,
        "headers": {"content-type": "application/json", "x-count": 2},
        "cookies": ["a=1; Domain=other.example"],
        "body": base64.b64encode(json.dumps(event).encode()).decode(),
        "isBase64Encoded": True,
    }).encode()


def told(payload, said):
    return json.dumps(said).encode()


def stream(payload, _):
    """Pieces as they come: a number of them that the payload says."""
    for number in range(json.loads(payload)["pieces"]):
        yield f"piece {number}\n".encode()


def stream_error(payload, _):
    for number in range(json.loads(payload)["pieces"]):
        yield b"piece"
    raise Failed({"errorMessage": "it broke off"})


def stream_web(payload, _):
    head = {"statusCode": 202, "headers": {"content-type": "text/plain"}, "cookies": ["s=1"]}
    yield json.dumps(head).encode()[:5]
    yield json.dumps(head).encode()[5:] + bytes(8) + b"streamed "
    yield json.loads(payload)["requestContext"]["http"]["method"].encode()


HANDLERS = {f.__name__.replace("_", "-"): f for f in
            (echo, error, slow, big, busy, denied, broken, web, told, stream, stream_error, stream_web)}


def frame(kind, of, payload):
    header = lambda name, value: bytes([len(name)]) + name + b"\x07" + struct.pack(">H", len(value)) + value
    headers = header(b":message-type", b"event") + header(b":event-type", of.encode()) + header(b":content-type", kind.encode())
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + payload
    return message + struct.pack(">I", zlib.crc32(message))


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def serve(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = urllib.parse.urlsplit(self.path)
        match parts.path.strip("/").split("/"):
            case ["executor"]:
                with invoked_lock:
                    seen = json.dumps(invoked).encode()
                    invoked.clear()
                self.answer(200, seen, Content_Type="application/json")
            case ["2015-03-31", "functions", name, "invocations"] if self.command == "POST":
                self.guarded(name, parts, body, self.invoke)
            case ["2021-11-15", "functions", name, "response-streaming-invocations"] if self.command == "POST":
                self.guarded(name, parts, body, self.invoke_stream)
            case _:
                self.forward(body)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = serve

    def guarded(self, name, parts, body, invoke):
        said = {
            "function": urllib.parse.unquote(name),
            "qualifier": dict(urllib.parse.parse_qsl(parts.query)).get("Qualifier"),
            "type": self.headers.get("X-Amz-Invocation-Type", "RequestResponse"),
            "headers": {key.lower(): value for key, value in self.headers.items()},
            "bytes": len(body),
        }
        try:
            verify(self, body)
            with invoked_lock:
                invoked.append(said | {"payload": body.decode() if len(body) < 10_000 else None})
            if len(body) > (EVENT_LIMIT if said["type"] == "Event" else SYNC_LIMIT):
                raise Refused(413, "RequestTooLargeException")
            try:
                json.loads(body or b"null")
            except ValueError:
                raise Refused(400, "InvalidRequestContentException", "Could not parse request body into json")
            handler = HANDLERS.get(said["function"])
            if handler is None:
                raise Refused(404, "ResourceNotFoundException", "Function not found")
            match said["type"]:
                case "Event":
                    self.answer(202)
                case "DryRun":
                    self.answer(204)
                case _:
                    invoke(handler, body, said)
        except Refused as refused:
            text = json.dumps({"Type": "User", "Message": refused.message}).encode()
            self.answer(refused.status, text, x_amzn_ErrorType=refused.name, Content_Type="application/json", **refused.headers)

    def log(self):
        return base64.b64encode(LOG.encode()).decode() if self.headers.get("X-Amz-Log-Type") == "Tail" else None

    def invoke(self, handler, body, said):
        headers = {"Content_Type": "application/json", "X_Amz_Executed_Version": "$LATEST"}
        if self.log():
            headers["X_Amz_Log_Result"] = self.log()
        try:
            result = handler(body, said)
            self.answer(200, result if isinstance(result, bytes) else b"".join(result), **headers)
        except Failed as failed:
            self.answer(200, json.dumps(failed.args[0]).encode(), X_Amz_Function_Error="Unhandled", **headers)

    def invoke_stream(self, handler, body, said):
        pieces = self.pieces(handler, body, said)
        first = next(pieces, None)  # what is refused is refused before there is a stream
        integration = said["function"] == "stream-web"
        kind = "application/vnd.awslambda.http-integration-response" if integration else "application/vnd.amazon.eventstream"
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        end = {"LogResult": self.log()} if self.log() else {}
        for piece in itertools.chain([first] if first is not None else [], pieces):
            if isinstance(piece, Failed):
                end |= {"ErrorCode": "Unhandled", "ErrorDetails": json.dumps(piece.args[0])}
            else:
                self.chunk(frame("application/octet-stream", "PayloadChunk", piece))
        self.chunk(frame("application/json", "InvokeComplete", json.dumps(end).encode()))
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def pieces(self, handler, body, said):
        """What the function answers, and how it failed."""
        try:
            result = handler(body, said)
            yield from [result] if isinstance(result, bytes) else result
        except Failed as failed:
            yield failed

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def forward(self, body):
        connection = http.client.HTTPConnection(MOTO.hostname, MOTO.port)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ("connection", "content-length")}
        connection.request(self.command, self.path, body or None, headers)
        answer = connection.getresponse()
        content = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("connection", "content-length", "transfer-encoding", "date", "server"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()
        connection.close()


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


Server(("127.0.0.1", PORT), Handler).serve_forever()
