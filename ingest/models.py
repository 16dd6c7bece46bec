"""The tables of ingest in the catalog: connections to Jetstream hosts, and where to resume."""

from datetime import datetime, timedelta

from django.db import models

# A connection is saved every 10 s, and ends after 30 s without a frame.
SILENT = timedelta(seconds=60)
ABANDONED = "no sign of the consumer afterwards, it was killed or its machine stopped"


class Connection(models.Model):
    """One websocket connection. Integer times are microseconds of the server's clock."""

    host = models.CharField(max_length=255)
    wire = models.CharField(max_length=32)
    cursor_asked = models.BigIntegerField(null=True, help_text="time_us or seq sent as cursor; empty: live")
    first_received = models.BigIntegerField(null=True)
    last_received = models.BigIntegerField(null=True)
    frames = models.BigIntegerField(default=0)
    opened_at = models.DateTimeField()
    saved_at = models.DateTimeField(help_text="this row is saved every 10 s while the connection is open")
    closed_at = models.DateTimeField(null=True)
    why_closed = models.CharField(max_length=300, blank=True)
    gap_seconds = models.FloatField(
        null=True, help_text="the first event came so long after the cursor asked: what lies between may be missing"
    )

    class Meta:
        ordering = ["-opened_at"]
        indexes = [models.Index(fields=["opened_at"])]

    def __str__(self) -> str:
        return f"{self.host} {self.opened_at:%Y-%m-%d %H:%M:%S}"

    def end(self, now: datetime) -> tuple[datetime, str] | None:
        """When it ended, and why; None while it is open. A killed consumer closes nothing: its connection ended when it
        was last saved."""
        if self.closed_at is not None:
            return self.closed_at, self.why_closed
        return (self.saved_at, ABANDONED) if now - self.saved_at > SILENT else None


class Checkpoint(models.Model):
    """The cursor after the last committed event: one row, used when Redis is empty."""

    time_us = models.BigIntegerField()
    host = models.CharField(max_length=255, blank=True)
    seq = models.BigIntegerField(null=True)
    saved_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"{self.time_us} {self.host}"
