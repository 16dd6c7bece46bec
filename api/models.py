"""API keys. The secret is not stored: it has 256 random bits, so that its plain SHA-256 can't be reversed."""

import hashlib
import secrets
from datetime import datetime

from django.db import models

RATE = 6000  # of a new key: a hundred requests a second
MARK = "bpe_"  # so that people and secret scanners recognise a key in the wrong place
PREFIX_SHOWN = len(MARK) + 8


class ApiKey(models.Model):
    name = models.CharField(max_length=200, help_text="who uses it, and for what")
    prefix = models.CharField(max_length=PREFIX_SHOWN, editable=False, help_text="the beginning of the key")
    digest = models.CharField(max_length=64, unique=True, editable=False, help_text="SHA-256 of the key")
    rate_per_minute = models.PositiveIntegerField(
        "requests a minute", default=RATE, help_text="0: no limit. Counted in place of the address's."
    )
    may_label = models.BooleanField(
        "may send labels", default=False, db_default=False, help_text="to POST /api/v1/labels"
    )
    expires_at = models.DateTimeField(null=True, blank=True, help_text="empty: never")
    force_pseudonyms = models.BooleanField(
        default=False,
        db_default=False,
        help_text="every answer to this key has pseudonyms in place of accounts and records",
    )
    pseudonym_secret = models.CharField(
        max_length=64,
        blank=True,
        default="",
        db_default="",
        editable=False,
        help_text="what the pseudonyms of this key are made with",
    )
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="to the minute")

    class Meta:
        verbose_name = "API key"
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    def make_secret(self) -> str:
        """Sets and returns a new secret. It can't be read again."""
        secret = MARK + secrets.token_urlsafe(32)
        self.prefix, self.digest = secret[:PREFIX_SHOWN], digest(secret)
        return secret

    def state(self, now: datetime) -> str:
        """active, revoked or expired."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "active"


def new_pseudonym_secret() -> str:
    return secrets.token_hex(32)


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="surrogateescape")).hexdigest()
