"""Routes of the API. Search and export also have unversioned names, which the frontend calls."""

from django.urls import path

from api.views import exports, labels, queries

unversioned = [
    path("search", queries.SearchView.as_view(), name="search"),
    path("export", exports.ExportView.as_view(), name="export"),
    path("export/manifest", exports.ManifestView.as_view(), name="manifest"),
    path("export/manifest/<str:export>", exports.MadeView.as_view(), name="manifest-after"),
]
urlpatterns = [
    *unversioned,
    path("timeline", queries.TimelineView.as_view(), name="timeline"),
    path("top", queries.TopView.as_view(), name="top"),
    path("posts", queries.PostsView.as_view(), name="posts"),
    path("rows", exports.RowsView.as_view(), name="rows"),
    path("thread", queries.ThreadView.as_view(), name="thread"),
    path("stats", queries.StatsView.as_view(), name="stats"),
    path("labels", labels.LabelsView.as_view(), name="labels"),
    path("labels/names", labels.LabelNamesView.as_view(), name="label-names"),
    path("coverage", queries.CoverageView.as_view(), name="coverage"),
]
