"""The catalog's tables of labels: what was imported, and what waits for its post."""

from django.db import models
from django.utils import timezone


class LabelImport(models.Model):
    """A file of labels, and how far its import is. It goes on where it was, as its rows and this are one commit."""

    sha256 = models.CharField(max_length=64, db_index=True, help_text="of the file")
    name = models.CharField(max_length=255, help_text="of the file, when it was first imported")
    model = models.CharField(max_length=200, blank=True, help_text="of rows that name none")
    version = models.CharField(max_length=200, blank=True, help_text="of rows that name none")
    started_at = models.DateTimeField(default=timezone.now, help_text="labelled_at of rows that have none")
    finished_at = models.DateTimeField(null=True, blank=True, help_text="empty: the same command goes on with it")
    rows = models.BigIntegerField(default=0, help_text="rows of the file that are done")
    joined = models.BigIntegerField(default=0, help_text="labels written beside their posts")
    waiting = models.BigIntegerField(default=0, help_text="labels of posts that the lake did not have")
    wrong = models.BigIntegerField(default=0, help_text="rows that are no label")
    folded = models.BigIntegerField(default=0, help_text="labels that the lake had already")

    class Meta:
        ordering = ["-started_at"]

    def __str__(self) -> str:
        return f"import of {self.name}"


class WaitingLabel(models.Model):
    """A label of a post that the lake does not have yet, or that nobody has looked for yet."""

    did = models.CharField(max_length=2048)
    rkey = models.CharField(max_length=512)
    name = models.CharField(max_length=200)
    score = models.FloatField(null=True)
    value = models.TextField(null=True)  # noqa: DJ001 - null: the model gave none
    model = models.CharField(max_length=200, blank=True)
    version = models.CharField(max_length=200, blank=True)
    labelled_at = models.DateTimeField(null=True, help_text="empty: when it was received")
    received_at = models.DateTimeField(default=timezone.now, db_index=True)
    unknown_at = models.DateTimeField(
        null=True, blank=True, db_index=True, help_text="when it was given up, as no post had come for a day"
    )

    def __str__(self) -> str:
        return f"{self.name} of at://{self.did}/app.bsky.feed.post/{self.rkey}"
