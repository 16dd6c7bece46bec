"""The admin as an app of Django, with a site of our own."""

from django.conf.locale.en import formats  # type: ignore[import-untyped]
from django.contrib.admin.apps import SimpleAdminConfig


class SiteConfig(SimpleAdminConfig):
    default_site = "explorer.admin_site.Site"

    def ready(self) -> None:
        """All times are UTC, as in files and logs: 24 hours, in an order that sorts. Settings can't say so for a
        language that has formats of its own."""
        super().ready()
        formats.DATETIME_FORMAT, formats.DATE_FORMAT = "Y-m-d H:i:s", "Y-m-d"
