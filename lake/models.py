"""The catalog: the only truth about what is in the lake."""

from django.conf import settings
from django.db import models


class BatchRun(models.Model):
    """What one flush took from the buffer, and what became of it."""

    class State(models.TextChoices):
        COMMITTED = "committed"
        FAILED = "failed"

    started_at = models.DateTimeField(db_index=True)
    seconds = models.FloatField()
    state = models.CharField(max_length=16, choices=State.choices, db_index=True)
    error = models.TextField(blank=True)
    first_id = models.CharField(max_length=48, help_text="id of the first buffer entry")
    last_id = models.CharField(max_length=48)
    first_seen = models.DateTimeField(null=True)
    last_seen = models.DateTimeField(null=True)
    events = models.BigIntegerField(help_text="entries taken from the buffer")
    duplicates = models.BigIntegerField(default=0, help_text="events folded: in this batch or in the lake already")
    dead_letters = models.BigIntegerField(default=0)
    misfits = models.BigIntegerField(
        default=0, help_text="records with a key of another type than its column: kept in extra"
    )
    rows = models.JSONField(default=dict, help_text="rows written per dataset")
    minutes = models.JSONField(default=dict, help_text="rows written per minute of seen")
    bytes_in = models.BigIntegerField(default=0)
    bytes_out = models.BigIntegerField(default=0)

    class Meta:
        ordering = ["-started_at"]

    def __str__(self) -> str:
        return f"batch {self.pk}"


class DataFile(models.Model):
    """One Parquet file of the lake. A file that is not listed here does not exist."""

    path = models.CharField(max_length=255, unique=True, help_text="below LAKE_ROOT")
    dataset = models.CharField(max_length=16)
    hour = models.DateTimeField(help_text="the hour of seen that this file belongs to, UTC")
    rows = models.BigIntegerField()
    bytes = models.BigIntegerField()
    min_seen = models.DateTimeField()
    max_seen = models.DateTimeField()
    rows_by_arrival = models.BigIntegerField(
        default=0, help_text="rows whose time_us was impossible, so that seen is their arrival"
    )
    sha256 = models.CharField(max_length=64)
    batch = models.ForeignKey(BatchRun, on_delete=models.PROTECT, related_name="files")
    superseded_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-hour", "dataset"]
        indexes = [
            models.Index(fields=["dataset", "max_seen"], condition=models.Q(superseded_at=None), name="listed_files")
        ]

    def __str__(self) -> str:
        return self.path


class Tombstone(models.Model):
    """Versions of this record below `rev` must not show: a delete or a newer version that the files don't show yet."""

    did = models.CharField(max_length=2048)
    collection = models.CharField(max_length=317)
    rkey = models.CharField(max_length=512)
    rev = models.CharField(max_length=64)
    seen = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["did", "collection", "rkey"], name="one_tombstone_per_record")]

    def __str__(self) -> str:
        return f"at://{self.did}/{self.collection}/{self.rkey} below {self.rev}"


class InactiveAccount(models.Model):
    """An account whose latest account event says that it is not active: its posts do not show."""

    did = models.CharField(max_length=2048, primary_key=True)
    status = models.CharField(max_length=64, blank=True)
    time_us = models.BigIntegerField(help_text="the event's own time: later ones win")
    seq = models.BigIntegerField(default=0, help_text="the event's inner seq: decides between equal times")

    def __str__(self) -> str:
        return f"{self.did} {self.status}"


class Request(models.Model):
    """An action asked of a running process, which takes it up within 2 s."""

    class Kind(models.TextChoices):
        FLUSH = "flush"

    class State(models.TextChoices):
        WAITING = "waiting"
        DONE = "done"
        FAILED = "failed"

    kind = models.CharField(max_length=16, choices=Kind.choices)
    arguments = models.JSONField(default=dict, blank=True)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    asked_at = models.DateTimeField(auto_now_add=True)
    state = models.CharField(max_length=16, choices=State.choices, default=State.WAITING)
    result = models.TextField(blank=True)

    class Meta:
        ordering = ["-asked_at"]

    def __str__(self) -> str:
        return f"{self.kind} {self.state}"
