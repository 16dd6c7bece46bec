"""Routes. Search and export are also served without /api/v1, as the frontend calls them."""

from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView

from api.answers import service_state
from api.urls import unversioned
from explorer import health, pages
from explorer.status.views import StatusPage

admin.autodiscover()  # here, so that only a process that serves these routes loads the pages of the admin
service_state.register()  # here, so that only the process that serves these routes exports the state of the whole

urlpatterns = [
    path("", pages.home),
    path("status", StatusPage.as_view()),
    path("", include("explorer.context.urls")),
    path("fragments/", include("explorer.search.urls")),
    path("fragments/status/", include("explorer.status.urls")),
    path("", include(unversioned)),
    path("api/v1/", include("api.urls")),
    path("api/schema", pages.Schema.as_view()),
    path("api/docs", pages.Docs.as_view()),
    path("api/guide", pages.Guide.as_view()),
    path("api/search-syntax", pages.Guide.as_view(page="search-syntax.md")),
    path("admin", RedirectView.as_view(url="/admin/")),
    path("admin/", admin.site.urls),
    path("health/live", health.Live.as_view()),
    path("health/accepting", health.Accepting.as_view()),
    path("health/ready", health.Ready.as_view()),
    path("health/fresh", health.Fresh.as_view()),
    path("robots.txt", pages.Robots.as_view()),
    path("metrics", pages.Metrics.as_view()),
    re_path("", pages.not_found),
]

handler400 = "explorer.pages.bad_request"
handler404 = "explorer.pages.not_found"
handler500 = "explorer.pages.server_error"
