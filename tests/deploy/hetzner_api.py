"""A stand-in for Hetzner's API, as far as deploy/hetzner/provision.sh asks it through hcloud: it keeps what is made."""

import json
import re
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any
from urllib.parse import parse_qs, urlsplit

KINDS = {"ssh_keys": "ssh_key", "firewalls": "firewall", "volumes": "volume", "servers": "server"}
KINDS |= {
    "actions": "action",
    "primary_ips": "primary_ip",
    "locations": "location",
    "server_types": "server_type",
    "images": "image",
}
PATH = re.compile(r"/(\w+)(?:/(\d+))?(?:/actions/(\w+))?")
MADE = "2026-07-01T00:00:00+00:00"
LOCATION = {"id": 1, "name": "fsn1", "description": "", "country": "DE", "city": "", "network_zone": "eu-central"}
DONE = {"id": 1, "status": "success", "command": "", "progress": 100, "started": MADE, "finished": MADE}
DONE |= {"resources": [], "error": None}
TOKEN = "t" * 64

Item = dict[str, Any]


class Refused(Exception):
    """`args`: the status and the code of the error, as the API gives them."""


class HetznerApi:
    """`requests`: of those that change something, method and path. `refuse`: such ones are refused, with status and
    code. `booted`: called with each new server and its user data; returns its address."""

    def __init__(self, fingerprint: str, booted: Callable[[str], str] = lambda _: "192.0.2.10") -> None:
        self.items: dict[str, dict[int, Item]] = {kind: {} for kind in KINDS}
        self.requests: list[str] = []
        self.refuse: dict[str, tuple[int, str]] = {}
        self._ids, self._fingerprint, self._booted = count(100), fingerprint, booted
        self._add("locations", LOCATION)
        self._add("actions", DONE)
        self._add("server_types", {"name": "cx33", "architecture": "x86", "prices": []})
        self._add("images", {"name": "debian-13", "status": "available", "type": "system", "architecture": "x86"})
        handler = type("Handler", (_Handler,), {"api": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "HetznerApi":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def named(self, kind: str) -> dict[str, Item]:
        return {item["name"]: item for item in self.items[kind].values()}

    def answer(self, method: str, url: str, token: str, body: Item) -> Item:
        path, _, _ = url.partition("?")
        if token != f"Bearer {TOKEN}":
            raise Refused(401, "unauthorized")
        if method != "GET":
            self.requests.append(f"{method} {path}")
            if refused := self.refuse.get(f"{method} {path}"):
                raise Refused(*refused)
        kind, number, action = PATH.fullmatch(path).groups()  # type: ignore[union-attr]
        if number is None:
            return self._make(kind, body) if method == "POST" else self._list(kind, parse_qs(urlsplit(url).query))
        item = self.items[kind][int(number)]
        return self._act(item, action, body) if action else self._change(kind, item, body)

    def _add(self, kind: str, item: Item) -> Item:
        made: Item = {"id": next(self._ids), "created": MADE, "labels": {}, "protection": {"delete": False}} | item
        self.items[kind][made["id"]] = made
        return made

    def _list(self, kind: str, query: dict[str, list[str]]) -> Item:
        names = query.get("name")
        return {kind: [item for item in self.items[kind].values() if names is None or item["name"] in names]}

    def _change(self, kind: str, item: Item, body: Item) -> Item:
        item |= body
        return {KINDS[kind]: item}

    def _act(self, item: Item, action: str, body: Item) -> Item:
        if action == "change_protection":
            item["protection"] = body
        elif action == "attach":
            item["server"] = body["server"]
        return {"action": DONE}

    def _make(self, kind: str, body: Item) -> Item:
        if body["name"] in self.named(kind):
            raise Refused(409, "uniqueness_error")
        made = getattr(self, f"_make_{kind}")(body)
        return {KINDS[kind]: made, "action": DONE, "actions": [], "next_actions": [], "root_password": None}

    def _make_ssh_keys(self, body: Item) -> Item:
        return self._add("ssh_keys", body | {"fingerprint": self._fingerprint})

    def _make_firewalls(self, body: Item) -> Item:
        return self._add("firewalls", body | {"applied_to": []})

    def _make_volumes(self, body: Item) -> Item:
        wanted = {"status": "available", "linux_device": "", "location": LOCATION, "server": None}
        return self._add("volumes", body | wanted)

    def _make_servers(self, body: Item) -> Item:
        kept = self.items["primary_ips"].get(body.get("public_net", {}).get("ipv4", 0))
        new = {"name": "primary_ip-1", "type": "ipv4", "auto_delete": True}
        address = kept or self._add("primary_ips", new | {"ip": self._booted(body["user_data"])})
        net = {
            "ipv4": {"id": address["id"], "ip": address["ip"]},
            "ipv6": {"ip": "2001:db8::/64"},
            "floating_ips": [],
            "firewalls": [],
        }
        server = {"status": "running", "public_net": net, "private_net": [], "datacenter": {"location": LOCATION}}
        made = self._add("servers", body | server | {"server_type": None, "image": None})
        for number in body["volumes"]:
            self.items["volumes"][number]["server"] = made["id"]
        return made


class _Handler(BaseHTTPRequestHandler):
    api: HetznerApi

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length) or b"{}")
        try:
            status, answer = 200, self.api.answer(self.command, self.path, self.headers["Authorization"], body)
        except Refused as refused:
            status, code = refused.args
            answer = {"error": {"code": code, "message": f"{code} in words"}}
        text = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_POST = do_PUT = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass
