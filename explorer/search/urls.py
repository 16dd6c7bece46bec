"""Routes of the parts, below /fragments/."""

from django.urls import path

from explorer.search import late
from explorer.search.views import Results

urlpatterns = [
    path("results", Results.as_view()),
    path("count", late.Count.as_view()),
    path("timeline", late.Timeline.as_view()),
    path("top/<str:by>", late.Top.as_view()),
    path("coverage", late.Coverage.as_view()),
    path("download", late.Download.as_view()),
]
