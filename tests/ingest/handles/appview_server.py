"""An AppView over real HTTP that knows the handles it is given, and answers otherwise when a test says so."""

import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit


class AppViewServer:
    """`handles`: DID to handle. `faults`: consumed one a request; each is called with the request handler and answers
    in place of the service. `refused`: DIDs that spoil any call. `asked`: what each request asked for."""

    def __init__(self, port):
        self.url = f"http://127.0.0.1:{port}"
        self.handles, self.faults, self.refused, self.asked, self.agents = {}, [], set(), [], set()

    def answer(self, request):
        url = urlsplit(request.path)
        names = [value for name, value in parse_qsl(url.query) if name in ("actors", "handle")]
        self.asked.append(names)
        self.agents.add(request.headers["User-Agent"])
        if self.faults:
            self.faults.pop(0)(request)
        elif url.path == "/xrpc/app.bsky.actor.getProfiles" and len(names) <= 25 and not self.refused & set(names):
            found = [{"did": did, "handle": self.handles[did]} for did in names if did in self.handles]
            send(request, 200, {"profiles": found})
        elif url.path == "/xrpc/com.atproto.identity.resolveHandle" and names[0] in self.handles.values():
            send(request, 200, {"did": next(did for did, handle in self.handles.items() if handle == names[0])})
        else:
            send(request, 400, {"error": "InvalidRequest"})


def send(request, status, body, **headers):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    request.send_response(status)
    for name, value in {"Content_Length": str(len(content)), **headers}.items():
        request.send_header(name.replace("_", "-"), value)
    request.end_headers()
    request.wfile.write(content)


def status(number, **headers):
    return lambda request: send(request, number, {"error": "x"}, **headers)


def text(content):
    return lambda request: send(request, 200, content)


def closed(request):
    request.close_connection = True


def cut(request):
    """Fewer bytes than it promises."""
    send(request, 200, b'{"profiles"', Content_Length="1000")


def dripping(request):
    """A byte now and then: each one comes in time, the whole never does."""
    request.send_response(200)
    request.end_headers()
    for _ in range(40):
        request.wfile.write(b" ")
        time.sleep(0.05)


def silent(request):
    time.sleep(1)


@contextmanager
def appview_server():
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            try:
                server.answer(self)
            except OSError:  # the client has hung up
                self.close_connection = True

        def log_message(self, *args):
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listening.block_on_close = False
    server = AppViewServer(listening.server_port)
    thread = threading.Thread(target=lambda: listening.serve_forever(0.01))
    thread.start()
    try:
        yield server
    finally:
        listening.shutdown()
        thread.join()
        listening.server_close()
