"""What people ask of the service, and what became of it: tables of the catalog beside those of lake.models."""

from django.conf import settings
from django.db import models


class Retention(models.Model):
    """How long the rows of a dataset are kept."""

    dataset = models.CharField(max_length=16, primary_key=True)
    days = models.PositiveIntegerField(null=True, blank=True, help_text="of seen; empty: for ever")
    announced = models.PositiveIntegerField(
        null=True, editable=False, help_text="the days that the log has announced: the next pass applies them"
    )

    def __str__(self) -> str:
        return f"{self.dataset}: {f'{self.days} days' if self.days else 'for ever'}"


class Export(models.Model):
    """A download, and its outcome."""

    class State(models.TextChoices):
        RUNNING = "running"
        COMPLETE = "complete"
        BROKEN = "broken"

    id = models.CharField(max_length=32, primary_key=True)
    started_at = models.DateTimeField(auto_now_add=True, db_index=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    state = models.CharField(max_length=16, choices=State.choices, default=State.RUNNING)
    manifest = models.JSONField(default=dict, help_text="the request, and what was known before the first row")
    rows = models.BigIntegerField(default=0)
    bytes = models.BigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True, help_text="of the whole body")
    error = models.TextField(blank=True)
    question = models.CharField(
        max_length=64, default="", db_default="", db_index=True, help_text="digest of the parameters"
    )
    client = models.CharField(max_length=64, default="", db_default="", help_text="keyed digest of who asked")
    continues = models.CharField(
        max_length=32, default="", db_default="", help_text="the export with whose body this one goes on"
    )
    prefix_bytes = models.BigIntegerField(
        default=0, db_default=0, help_text="of the beginning of the body; no more than it was sent"
    )
    prefix_sha256 = models.CharField(max_length=64, default="", db_default="", help_text="of that beginning")

    class Meta:
        ordering = ["-started_at"]

    def __str__(self) -> str:
        return f"export {self.id} {self.state}"

    @property
    def body(self) -> str:
        """Names the body: downloads of the same one share it."""
        return self.continues or self.id


class Request(models.Model):
    """A request to a running process, which takes it up within 2 s, or when its present step is over."""

    class Kind(models.TextChoices):
        FLUSH = "flush", "flush now"
        COMPACT = "compact", "compact all that is due"
        COMPACT_HOUR = "compact_hour", "compact an hour"
        VERIFY_FILES = "verify_files", "verify files"
        RETRY_BATCH = "retry_batch", "retry a failed batch"
        REFRESH_HANDLE = "refresh_handle", "refresh a handle"

    class State(models.TextChoices):
        WAITING = "waiting"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    OPEN = (State.WAITING, State.RUNNING)

    kind = models.CharField(max_length=16, choices=Kind.choices)
    arguments = models.JSONField(default=dict, blank=True)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    asked_at = models.DateTimeField(auto_now_add=True)
    state = models.CharField(max_length=16, choices=State.choices, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0, db_default=0, help_text="how often it was begun")
    started_at = models.DateTimeField(null=True, blank=True, help_text="of the latest attempt")
    finished_at = models.DateTimeField(null=True, blank=True)
    result = models.TextField(blank=True)

    class Meta:
        ordering = ["-asked_at"]
        indexes = [
            models.Index(fields=["kind"], condition=models.Q(state__in=("waiting", "running")), name="open_requests"),
            models.Index(fields=["-asked_at"], name="requests_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}, {self.state}"
