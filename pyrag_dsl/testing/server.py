"""`ScriptedModelServer`: an OpenAI-compatible server on a loopback port, whose replies are given by a script.

It is for tests of programs that use a language model over HTTP: sockets and HTTP are real, and no model and no patching
is needed. The script is a list of turns, or a function that is called with each request. The server records the
requests.

    with ScriptedModelServer(["<answer>Paris</answer>", status(429, retry_after=0.01), "Lyon"]) as server:
        client = ChatModel("any-name", server.base_url)
        ...
        assert server.requests[0].messages[-1]["content"].startswith("Question")

It serves `POST /v1/chat/completions`, `POST /v1/completions` and `GET /v1/models`, and uses only the standard library.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any


@dataclass(frozen=True, slots=True)
class Turn:
    """The response to one request.

    Attributes:
        text: the text of the reply; None for null content. It is not used if `body` is given.
        status: the HTTP status.
        finish_reason: the reason why the reply ends.
        usage: the numbers of prompt, completion and cached tokens; a negative number to count words instead; None to
            leave usage out.
        delay: the seconds before the response begins.
        body: the exact bytes of the response, in place of a completion.
        content_type: the content type.
        headers: further headers, as pairs of name and value.
        cut_after: the number of bytes of the body after which the connection is closed; a negative number to close it
            before the response; None to send everything.
        drip: the seconds between single bytes of the body.
        reasoning: the value of `reasoning_content` beside the text.
        calls: the tool calls of the reply, as pairs of a name and arguments. A text is sent as it is, and other
            arguments as JSON.
    """

    text: str | None = ""
    status: int = 200
    finish_reason: str | None = "stop"
    usage: tuple[int, int, int] | None = (-1, -1, 0)
    delay: float = 0.0
    body: bytes | None = None
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    cut_after: int | None = None
    drip: float = 0.0
    reasoning: str | None = None
    calls: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """A request that was received.

    Attributes:
        method: the HTTP method.
        path: the path, with the query string.
        headers: the headers, with names in lower case.
        raw: the bytes of the body.
        body: the body as a JSON object; None if it is not one.
    """

    method: str
    path: str
    headers: dict[str, str]
    raw: bytes
    body: dict[str, Any] | None

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The chat messages; empty for other requests."""
        return list((self.body or {}).get("messages") or [])

    @property
    def prompt(self) -> str:
        """All text for the model: the contents of the messages, or the prompt of a plain completion."""
        plain = (self.body or {}).get("prompt")
        if isinstance(plain, str):
            return plain
        return "\n".join(str(message.get("content") or "") for message in self.messages)


Script = Iterable["Turn | str"] | Callable[[Request], "Turn | str"]


def truncated(text: str) -> Turn:
    """A reply that was cut at the limit of tokens (`finish_reason` "length")."""
    return Turn(text, finish_reason="length")


def status(code: int, *, retry_after: float | str | None = None, message: str = "scripted error") -> Turn:
    """An HTTP error with a body as OpenAI sends it, and a header `Retry-After` if `retry_after` is given."""
    body = json.dumps({"error": {"message": message, "type": "scripted", "code": code}}).encode()
    headers = () if retry_after is None else (("Retry-After", str(retry_after)),)
    return Turn(status=code, body=body, headers=headers)


def dropped(after: int = 20, text: str = "never arrives") -> Turn:
    """A reply whose connection is closed after `after` bytes of its body; with -1, before anything is sent."""
    return Turn(text, cut_after=after)


def malformed(body: bytes = b'{"choices": [{"message": {"content": "half') -> Turn:
    """A reply with status 200 and a body that is not JSON."""
    return Turn(body=body)


def html(page: str = "<!DOCTYPE html><html><body>Sign in to continue</body></html>") -> Turn:
    """A reply with status 200 and a web page, as from a captive portal or a wrong path."""
    return Turn(body=page.encode(), content_type="text/html; charset=utf-8")


def no_choices() -> Turn:
    """A completion with an empty list of choices."""
    return Turn(body=b'{"id": "x", "object": "chat.completion", "model": "scripted", "choices": []}')


def null_content(finish_reason: str | None = "stop") -> Turn:
    """A completion whose message has null content."""
    return Turn(None, finish_reason=finish_reason)


def oversized(size: int = 1 << 20) -> Turn:
    """A well-formed reply with `size` characters of text."""
    return Turn("x" * size)


class ScriptedModelServer:
    """A scripted model on `127.0.0.1`. Use it as a context manager, or call `start` and `close`.

    Args:
        script: the turns for the requests in the order of their arrival, where a text is a reply with this text; or a
            function from a `Request` to a turn, which is called in the thread of the request, perhaps in several at
            once. Requests after the end of the script, and those for which the function raises, get status 400.
        models: the names that `/v1/models` lists.
        port: the TCP port; 0 for a free one.

    Attributes:
        models: the names that `/v1/models` lists.
        requests: the requests for completions, in the order of their arrival.
        unexpected: the number of requests for which the script had no turn.
        peak: the most requests that were in progress at the same time.
    """

    def __init__(self, script: Script = (), *, models: tuple[str, ...] = ("scripted",), port: int = 0) -> None:
        self.models = models
        self.requests: list[Request] = []
        self.unexpected = 0
        self.peak = 0
        self._script = script if callable(script) else None
        self._turns: Iterator[Turn | str] = iter(()) if callable(script) else iter(script)
        self._lock = threading.Lock()
        self._under_way = 0
        self._closing = threading.Event()
        self._http = _Server(("127.0.0.1", port), self)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), name="scripted-model")

    @property
    def port(self) -> int:
        """The TCP port."""
        return int(self._http.server_address[1])

    @property
    def base_url(self) -> str:
        """The base URL for clients."""
        return f"http://127.0.0.1:{self.port}/v1"

    def start(self) -> ScriptedModelServer:
        """Begin to serve. Returns the server."""
        self._thread.start()
        return self

    def close(self) -> None:
        """Stop the server: end all delays, connections and threads. A second call does nothing."""
        if self._closing.is_set():
            return
        self._closing.set()
        if self._thread.is_alive():
            self._http.shutdown()
            self._thread.join()
        self._http.hang_up()
        self._http.server_close()

    def __enter__(self) -> ScriptedModelServer:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _take(self, request: Request) -> Turn:
        """Record a request, and return the turn for it."""
        with self._lock:
            self.requests.append(request)
            turn = next(self._turns, None) if self._script is None else None
        if self._script is not None:
            try:
                turn = self._script(request)
            except Exception as error:
                turn = None
                reason = f"the script raised {type(error).__name__}: {error}"
            else:
                reason = ""
        else:
            reason = "the script has no turn left"
        if turn is None:
            with self._lock:
                self.unexpected += 1
            return status(400, message=reason)
        return Turn(turn) if isinstance(turn, str) else turn

    @contextlib.contextmanager
    def _counted(self) -> Iterator[None]:
        with self._lock:
            self._under_way += 1
            self.peak = max(self.peak, self._under_way)
        try:
            yield
        finally:
            with self._lock:
                self._under_way -= 1


class _Server(ThreadingHTTPServer):
    """The HTTP server. It knows its open connections, so that `hang_up` can end them."""

    daemon_threads = False
    block_on_close = True
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], owner: ScriptedModelServer) -> None:
        self.owner = owner
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__(address, _Handler)

    def finish_request(self, request: Any, client_address: Any) -> None:
        with self._open_lock:
            self._open.add(request)
        try:
            super().finish_request(request, client_address)
        finally:
            with self._open_lock:
                self._open.discard(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing. A client that closes its connection is not an error of the server."""

    def hang_up(self) -> None:
        """Shut down all open connections, so that the threads that read from them end."""
        with self._open_lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Print nothing. Requests are recorded instead."""

    def do_GET(self) -> None:
        owner = self.server.owner
        if self.path.split("?")[0].rstrip("/") != "/v1/models":
            self._send(status(404, message="no such path"), b"")
            return
        data = [{"id": name, "object": "model", "created": 0, "owned_by": "script"} for name in owner.models]
        self._send(Turn(), json.dumps({"object": "list", "data": data}).encode())

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.split("?")[0]
        if path not in ("/v1/chat/completions", "/v1/completions"):
            self._send(status(404, message="no such path"), b"")
            return
        try:
            body = json.loads(raw)
        except ValueError:
            body = None
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request("POST", self.path, headers, raw, body if isinstance(body, dict) else None)
        owner = self.server.owner
        with owner._counted():
            turn = owner._take(request)
            if request.body is None:
                turn = status(400, message="the body is not a JSON object")
            owner._closing.wait(turn.delay)
            if turn.body is not None:
                self._send(turn, turn.body)
                return
            whole = _completion(turn, request, chat=path == "/v1/chat/completions")
            if request.body is not None and request.body.get("stream"):
                self._send(replace(turn, content_type="text/event-stream"), _streamed(whole))
            else:
                self._send(turn, json.dumps(whole).encode())

    def _send(self, turn: Turn, body: bytes) -> None:
        if turn.body is not None:
            body = turn.body
        if turn.cut_after is not None and turn.cut_after < 0:
            self.close_connection = True
            return
        self.send_response(turn.status)
        self.send_header("Content-Type", turn.content_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in turn.headers:
            self.send_header(name, value)
        self.end_headers()
        if turn.cut_after is not None:
            self.wfile.write(body[: turn.cut_after])
            self.close_connection = True
        elif turn.drip:
            for byte in body:
                if self.server.owner._closing.wait(turn.drip):
                    break
                self.wfile.write(bytes((byte,)))
        else:
            self.wfile.write(body)


def _streamed(whole: dict[str, Any]) -> bytes:
    """A completion as server-sent events, each with a few characters of the text."""
    choice = whole["choices"][0]
    message = choice.get("message")
    text = (choice["text"] if message is None else message["content"]) or ""
    pieces: list[dict[str, Any]] = []
    for start in range(0, len(text), 5):
        piece = text[start : start + 5]
        pieces.append({"text": piece} if message is None else {"delta": {"content": piece}})
    for index, call in enumerate((message or {}).get("tool_calls", ())):
        pieces.append({"delta": {"tool_calls": [{"index": index, **call}]}})
    pieces.append(
        {"delta": {}, "finish_reason": choice["finish_reason"]} if message is not None else {"text": "", **choice}
    )
    if message is None:
        pieces[-1]["text"] = ""
    events = [{"model": whole["model"], "choices": [{"index": 0, **piece}]} for piece in pieces]
    events.append({"model": whole["model"], "choices": [], "usage": whole.get("usage")})
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events) + b"data: [DONE]\n\n"


def _completion(turn: Turn, request: Request, *, chat: bool) -> dict[str, Any]:
    body = request.body or {}
    choice: dict[str, Any] = {"index": 0, "finish_reason": turn.finish_reason}
    if chat:
        choice["message"] = {"role": "assistant", "content": turn.text}
        if turn.reasoning is not None:
            choice["message"]["reasoning_content"] = turn.reasoning
        if turn.calls:
            choice["message"]["tool_calls"] = [
                {
                    "id": f"call_{number}",
                    "type": "function",
                    "function": {"name": name, "arguments": given if isinstance(given, str) else json.dumps(given)},
                }
                for number, (name, given) in enumerate(turn.calls, 1)
            ]
    else:
        choice["text"] = turn.text
    reply: dict[str, Any] = {
        "id": "scripted",
        "object": "chat.completion" if chat else "text_completion",
        "created": 0,
        "model": body.get("model", "scripted"),
        "choices": [choice],
    }
    if turn.usage is not None:
        asked, said, cached = turn.usage
        asked = len(request.prompt.split()) if asked < 0 else asked
        said = len((turn.text or "").split()) if said < 0 else said
        reply["usage"] = {
            "prompt_tokens": asked,
            "completion_tokens": said,
            "total_tokens": asked + said,
            "prompt_tokens_details": {"cached_tokens": cached},
        }
    return reply
