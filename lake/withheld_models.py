"""The part of the catalog that lists accounts which are not shown to all."""

from django.conf import settings
from django.db import models
from django.utils import timezone


class SignedInOnlyAccount(models.Model):
    """What the newest profile of an account says of readers without a key, once any has asked to be left out of their
    answers. A change has a new id: readers go on from the last one that they have read."""

    did = models.CharField(max_length=2048, unique=True)
    rev = models.CharField(max_length=64, help_text="of the profile")
    asks = models.BooleanField(help_text="the profile has the label !no-unauthenticated")
    learned_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.did} {'asks' if self.asks else 'no longer asks'}"


class OptOut(models.Model):
    """An account that is never shown, to nobody."""

    did = models.CharField("account", max_length=2048, unique=True)
    reason = models.TextField(blank=True)
    purge = models.BooleanField(
        default=False, help_text="remove the text of its posts, profiles and other records from the files, for good"
    )
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, editable=False, on_delete=models.SET_NULL
    )
    added_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name = "opt-out"
        ordering = ["-added_at"]

    def __str__(self) -> str:
        return self.did
