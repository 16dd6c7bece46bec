"""The status page, and its two parts, which come anew by themselves."""

from datetime import UTC, datetime
from typing import Any

from django.http import HttpResponseBase
from rest_framework.request import Request

from api.health import overview
from explorer.page_view import Fragment, Page

DATASETS_SHOWN = (
    *("posts", "likes", "reposts", "follows", "blocks", "profiles", "records", "deletes", "accounts"),
    "labels",
)


class StatusPage(Page):
    section = "status"

    def get(self, _request: Request) -> HttpResponseBase:
        return self.html("explorer/status.html", _now() | _held())


class Now(Fragment):
    def get(self, _request: Request) -> HttpResponseBase:
        return self.html("explorer/status_now.html", _now())


class Held(Fragment):
    def get(self, _request: Request) -> HttpResponseBase:
        return self.html("explorer/status_held.html", _held())


def _now() -> dict[str, Any]:
    return {"now": overview.now(datetime.now(UTC))}


def _held() -> dict[str, Any]:
    held = overview.held(datetime.now(UTC))
    held["days_covered"] = [{**day, **_drawn(day)} for day in held["days_covered"]]
    held["days"] = [{**day, "cells": [day["datasets"].get(name) for name in DATASETS_SHOWN]} for day in held["days"]]
    return {"held": held, "datasets": DATASETS_SHOWN}


def _drawn(day: dict[str, Any]) -> dict[str, Any]:
    """The height of what is there, of 40, and its share in percent."""
    there = day["minutes"] - day["missing"]
    share = 100 * there / day["minutes"] if day["minutes"] else None
    return {"share": share, "height": round(40 * there / 1440, 1), "hole": round(40 * day["missing"] / 1440, 1)}
