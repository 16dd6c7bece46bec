"""Routes of the API. The frontend calls search and export by their unversioned names."""

from django.urls import path

from api.views import analysis, exports, view

unversioned = [
    path("search", view.SearchView.as_view(), name="search"),
    path("export", exports.ExportView.as_view(), name="export"),
    path("export/manifest", exports.ManifestView.as_view(), name="manifest"),
    path("export/manifest/<str:export>", exports.MadeView.as_view(), name="manifest-after"),
]
urlpatterns = [
    *unversioned,
    path("timeline", analysis.TimelineView.as_view(), name="timeline"),
    path("top", analysis.TopView.as_view(), name="top"),
    path("posts", analysis.PostsView.as_view(), name="posts"),
    path("stats", analysis.StatsView.as_view(), name="stats"),
    path("coverage", analysis.CoverageView.as_view(), name="coverage"),
]
