"""A websocket server that does what a test says, and nothing else."""

from contextlib import contextmanager
from threading import Thread

from websockets.sync.server import serve


class Scripted:
    def __init__(self, port):
        self.url = f"ws://127.0.0.1:{port}/subscribe"
        self.host = f"127.0.0.1:{port}"
        self.requests = []


@contextmanager
def scripted(play, answer=None):
    """`play(connection)` is called for each connection, in a thread; `answer(connection, request)` may refuse it."""

    def process(connection, request):
        server.requests.append(request.path)
        return answer(connection, request) if answer else None

    with serve(play, "127.0.0.1", 0, compression=None, process_request=process, close_timeout=0.2) as listening:
        server = Scripted(listening.socket.getsockname()[1])
        thread = Thread(target=listening.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            listening.shutdown()
            thread.join()
