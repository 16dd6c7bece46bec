"""The catalog: the only truth about what is in the lake."""

import uuid
from typing import TypeVar

from django.db import models
from django.utils import timezone

from lake.journal import Export, Request, Retention
from lake.label_models import LabelImport, WaitingLabel
from lake.withheld_models import OptOut, SignedInOnlyAccount

__all__ = [
    "BatchRun",
    "CatalogIdentity",
    "DataFile",
    "Export",
    "InactiveAccount",
    "IndexFile",
    "LabelImport",
    "OptOut",
    "Request",
    "Retention",
    "SignedInOnlyAccount",
    "Tombstone",
    "WaitingLabel",
]


class CatalogIdentity(models.Model):
    """The catalog's identity and the numbers of its writers' latest commits: one row. The marker is its copy."""

    ONLY = 1  # its pk
    catalog = models.UUIDField(default=uuid.uuid4, editable=False)
    flush = models.BigIntegerField(default=0, help_text="number of the latest commit of the flusher")
    compact = models.BigIntegerField(default=0, help_text="number of the latest commit of the compactor")
    label = models.BigIntegerField(default=0, db_default=0, help_text="number of the latest commit of labels")
    clock_us = models.BigIntegerField(default=0, db_default=0, help_text="the lake's clock; 0: not known yet")
    profiles_read_at = models.DateTimeField(null=True, editable=False, help_text="for their labels")

    class Meta:
        verbose_name_plural = "catalog identity"

    def __str__(self) -> str:
        return str(self.catalog)


class BatchRun(models.Model):
    """A batch: what it took from the buffer, and what it wrote or why it failed."""

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
    duplicates = models.BigIntegerField(default=0, help_text="events that the batch or the lake has already")
    dead_letters = models.BigIntegerField(default=0)
    misfits = models.BigIntegerField(
        default=0, help_text="type mismatches: records with a value of another JSON type than its column, kept in extra"
    )
    rows = models.JSONField(default=dict, help_text="rows written per dataset")
    minutes = models.JSONField(default=dict, help_text="rows written per minute of seen")
    learned_us = models.BigIntegerField(
        default=0, db_default=0, help_text="from when on its late rows exist, by the lake's clock; 0: it has none"
    )
    bytes_in = models.BigIntegerField(default=0)
    bytes_out = models.BigIntegerField(default=0)

    class Meta:
        ordering = ["-started_at"]

    def __str__(self) -> str:
        return f"batch {self.pk}"


M = TypeVar("M", bound=models.Model)


class ListedManager(models.Manager[M]):
    """The files that exist."""

    def get_queryset(self) -> models.QuerySet[M]:
        return super().get_queryset().filter(superseded_at=None)


class SupersededManager(models.Manager[M]):
    """Files that were replaced, until the sweep deletes them."""

    def get_queryset(self) -> models.QuerySet[M]:
        return super().get_queryset().exclude(superseded_at=None)


class CatalogFile(models.Model):
    """A file below LAKE_ROOT. It never changes: another one supersedes it."""

    path = models.CharField(max_length=255, unique=True, help_text="below LAKE_ROOT")
    rows = models.BigIntegerField()
    bytes = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    superseded_at = models.DateTimeField(null=True, blank=True)
    objects = models.Manager()
    listed = ListedManager()
    superseded = SupersededManager()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.path


class DataFile(CatalogFile):
    """One Parquet file of the lake. A file that is not listed here does not exist."""

    dataset = models.CharField(max_length=16)
    hour = models.DateTimeField(help_text="the hour of seen that this file belongs to, UTC")
    min_seen = models.DateTimeField()
    max_seen = models.DateTimeField()
    min_created = models.DateTimeField(null=True, help_text="null: no row has one")
    max_created = models.DateTimeField(null=True)
    rows_by_arrival = models.BigIntegerField(
        default=0, help_text="rows whose seen is their ingest time, as their time_us is impossible"
    )
    late_rows = models.BigIntegerField(default=0, db_default=0, help_text="rows that came late: they have learned")
    batch = models.ForeignKey(
        BatchRun, null=True, on_delete=models.PROTECT, related_name="files", help_text="null: made by compaction"
    )
    unpurged = models.BigIntegerField(
        default=0, help_text="rows in state deleted that keep their text, because purge_deleted was off"
    )

    class Meta:
        ordering = ["-hour", "dataset"]
        indexes = [
            models.Index(fields=["dataset", "max_seen"], condition=models.Q(superseded_at=None), name="listed_files"),
            models.Index(fields=["-hour", "dataset"], name="files_by_hour"),
        ]


class IndexFile(CatalogFile):
    """A text index of posts, of one hour or one day. It only narrows: without it a search reads whole files."""

    start = models.DateTimeField(help_text="first hour that it covers, UTC")
    end = models.DateTimeField(help_text="the hour after the last")
    files = models.JSONField(help_text="paths of the files that it covers, in the order of its doc ids")

    class Meta:
        ordering = ["-start"]


class Tombstone(models.Model):
    """A delete or a newer version that files may not show yet: versions of the URI below `rev` must not show. True for
    ever; removed some days after the files show it, which those of likes and the like never do."""

    did = models.CharField(max_length=2048)
    collection = models.CharField(max_length=317)
    rkey = models.CharField(max_length=512)
    rev = models.CharField(max_length=64)
    deleted = models.BooleanField(default=True, help_text="a delete, not a newer version")
    seen = models.DateTimeField(db_index=True)
    applied_at = models.DateTimeField(null=True, blank=True, db_index=True, help_text="when all files showed it")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["did", "collection", "rkey", "rev", "deleted"], name="one_tombstone_each")
        ]

    def __str__(self) -> str:
        return f"at://{self.did}/{self.collection}/{self.rkey} below {self.rev}"


class InactiveAccount(models.Model):
    """An account whose latest account event says that it is not active: its rows do not show."""

    did = models.CharField(max_length=2048, primary_key=True)
    status = models.CharField(max_length=64, blank=True)
    time_us = models.BigIntegerField(help_text="the event's own time: the latest event counts")
    seq = models.BigIntegerField(default=0, help_text="the event's inner seq: decides between equal times")
    learned_at = models.DateTimeField(default=timezone.now, db_index=True, help_text="when the lake learned it")
    applied_at = models.DateTimeField(
        null=True, blank=True, help_text="for a deleted account: when all files showed it"
    )

    def __str__(self) -> str:
        return f"{self.did} {self.status}"
