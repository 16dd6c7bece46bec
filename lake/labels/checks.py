"""Each label has its post: the version of it that it is of, in the same hour. Retention removes both, or the labels."""

from collections.abc import Iterator
from datetime import datetime
from functools import partial

from lake.catalog import listing
from lake.models import DataFile
from lake.verify.checked_lake import CheckedLake, digest
from lake.verify.findings import Finding
from lake.verify.runner import Task

RESTORE = "restore the posts of that hour from a backup"

_WITHOUT_POST = """
    SELECT filename, count(*), any_value(concat('at://', did, '/app.bsky.feed.post/', rkey, ' at rev ', rev))
    FROM named_lake_rows($labels) ANTI JOIN {posts} USING (seen, did, rkey, rev)
    GROUP BY filename ORDER BY filename
"""
_NO_POSTS = "(SELECT now() AS seen, '' AS did, '' AS rkey, '' AS rev WHERE false)"


class LabelChecks:
    title = "hours of labels"

    def __init__(self, lake: CheckedLake) -> None:
        self._lake = lake

    def tasks(self) -> list[Task]:
        hours = listing.files_of("labels").order_by("hour").values_list("hour", flat=True).distinct()
        return [
            Task(f"labels of {hour:%Y-%m-%d %H}:00", f"labels {digest(self._files(hour))}", partial(self._hour, hour))
            for hour in hours
        ]

    def _files(self, hour: datetime) -> list[DataFile]:
        return list(DataFile.listed.filter(dataset__in=("labels", "posts"), hour=hour).order_by("path"))

    def _hour(self, hour: datetime) -> Iterator[Finding]:
        files = self._files(hour)
        if len(self._lake.intact(files)) < len(files):
            return  # FileChecks has named the damaged one
        paths = {name: [file for file in files if file.dataset == name] for name in ("labels", "posts")}
        values = {name: self._lake.absolute(own) for name, own in paths.items() if own}
        if not paths["labels"]:
            return  # expired meanwhile
        sql = _WITHOUT_POST.format(posts="lake_rows($posts)" if paths["posts"] else _NO_POSTS)
        for path, count, example in self._lake.engine.rows(sql, values):
            yield Finding(self._lake.relative(path), f"holds {count} labels without a post, such as {example}", RESTORE)
