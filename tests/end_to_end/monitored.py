"""Prometheus, Alertmanager and the exporters beside a stack, as `make monitor` starts them, and whom they tell."""

import json
import socketserver
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from deploy.local.child import ROOT
from deploy.local.environment import free_port
from deploy.monitor import configuration, programs
from tests.end_to_end.stack import until

SOON_SECONDS = 60.0  # from a fault to its message


class Message(NamedTuple):
    at: float
    text: str


class Webhook:
    """An HTTP server that keeps what is posted to it."""

    def __init__(self):
        self.messages = messages = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                messages.append(Message(time.monotonic(), body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"

    def told(self, alert, status, **labels):
        """Whether a message had this alert with this status; its runbook if so."""
        wanted = {"alertname": alert, **labels}.items()
        alerts = [alert for message in self.messages for alert in json.loads(message.text)["alerts"]]
        found = [one for one in alerts if wanted <= one["labels"].items() and one["status"] == status]
        return found[-1]["annotations"]["runbook"] if found else None


class MailServer:
    """An SMTP server that keeps each mail as text."""

    def __init__(self):
        self.messages = messages = []

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                self.wfile.write(b"220 sink\r\n")
                for line in self.rfile:
                    if line[:4].upper() == b"DATA":
                        self.wfile.write(b"354 go on\r\n")
                        messages.append(Message(time.monotonic(), self.mail()))
                    self.wfile.write(b"221 bye\r\n" if line[:4].upper() == b"QUIT" else b"250 sink\r\n")

            def mail(self):
                lines = []
                while (line := self.rfile.readline()) not in (b".\r\n", b""):
                    lines.append(line.decode())
                return "".join(lines)

        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.address = f"127.0.0.1:{self.server.server_address[1]}"


class Monitored:
    """`stack`: its processes may not run yet. `variables`: its ports. `origins`: whose certificates are watched."""

    def __init__(self, stack, variables, origins=()):
        self.stack, self.ports = stack, configuration.Ports(*(free_port() for _ in configuration.Ports()))
        self.webhook, self.mail = Webhook(), MailServer()
        given = {
            "ALERT_WEBHOOK_URL": self.webhook.url,
            "ALERT_EMAIL_TO": "operator@example.org",
            "ALERT_EMAIL_FROM": "explorer@example.org",
            "ALERT_SMTP": self.mail.address,
        }
        folder = stack.folder / "monitor"
        configuration.write(folder, variables, given, self.ports)
        self.children = programs.make_children(folder, stack.redis.url, self.ports, origins)

    def start(self):
        for child in self.children:
            child.start()
        until(lambda: self.query('up{job="redis"} == 1'), "redis_exporter is scraped")

    def query(self, expression, **parameters):
        """Samples of an instant query: (labels, value)."""
        asked = urllib.parse.urlencode({"query": expression, **parameters})
        url = f"http://127.0.0.1:{self.ports.prometheus}/api/v1/query?{asked}"
        try:
            with closing(urllib.request.urlopen(url, timeout=10)) as answer:
                result = json.load(answer)["data"]["result"]
        except urllib.error.HTTPError as error:
            if error.code == 503:  # it starts
                return []
            raise AssertionError(f"{expression}: {error.read().decode()}") from error
        except OSError:
            return []
        return [(series["metric"], float(series["value"][1])) for series in result]

    def value(self, expression):
        """The only sample; None if there is none."""
        found = self.query(expression)
        assert len(found) <= 1, found
        return found[0][1] if found else None

    def firing(self):
        return {labels["alertname"] for labels, _ in self.query('ALERTS{alertstate="firing"}')}

    def must_tell(self, alert, status="firing", *, since=None, seconds=SOON_SECONDS, **labels):
        """A post and a mail about this alert, each with its runbook, within so many seconds of `since` (now)."""
        since = since or time.monotonic()
        runbook, what = f"docs/operations.md#{alert.lower()}", f"that {alert} {labels or ''} is {status}"
        left = since + seconds - time.monotonic()
        try:
            until(lambda: self.webhook.told(alert, status, **labels), f"a post {what}", left)
        except AssertionError as error:
            raise AssertionError(
                f"{error}; at the end: {self.query('ALERTS')}, posts: {self.webhook.messages}"
            ) from None
        assert self.webhook.told(alert, status, **labels) == runbook
        until(lambda: self.mailed(status, runbook), f"a mail {what}", 5)
        print(f"{alert} {labels or ''} {status}: told after {time.monotonic() - since:.0f} s")

    def mailed(self, status, runbook):
        return any(runbook in mail.text and status.upper() in mail.text for mail in self.mail.messages)

    def end(self):
        for child in self.children:
            child.kill()
        self.webhook.server.shutdown()
        self.webhook.server.server_close()
        self.mail.server.shutdown()
        self.mail.server.server_close()


SCRAPED = 8  # those four, and Redis, the host, Prometheus and Alertmanager
PORTS = ("METRICS_PORT_CONSUMER", "METRICS_PORT_FLUSHER", "METRICS_PORT_COMPACTOR", "WEB_PORT")
WEB = [sys.executable, "-m", "gunicorn", "--config", str(ROOT / "deploy" / "gunicorn.conf.py")]


class Running:
    """Everything of `make demo` and `make monitor`; `processes` by name."""

    def __init__(self, stack, jetstream, source, variables, origins):
        self.stack, self.jetstream, self.source = stack, jetstream, source
        self.web = f"http://127.0.0.1:{variables['WEB_PORT']}"
        self.monitored = Monitored(stack, variables, origins)
        self.processes = {}

    def start(self):
        """Returns once all of it is scraped."""
        self.processes = {
            "consumer": self.stack.consumer(),
            "flusher": self.stack.flusher(),
            "compactor": self.stack.compactor(),
            "handles": self.stack.start("resolve_handles"),
            "web": self.stack.run(WEB, "web"),
        }
        self.monitored.start()
        until(lambda: self.monitored.query(f"count(up == 1) == {SCRAPED}"), "all targets are scraped")

    def ask(self, path):
        """The status of an answer."""
        try:
            with urllib.request.urlopen(self.web + path, timeout=30) as answer:
                answer.read()
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code
