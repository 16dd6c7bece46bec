"""Routes. The API is also at its unversioned names, which the frontend calls."""

from django.contrib import admin
from django.urls import include, path

from explorer import health

urlpatterns = [
    path("", include("api.urls")),
    path("api/v1/", include("api.urls")),
    path("admin/", admin.site.urls),
    path("health/live", health.live),
    path("health/ready", health.ready),
    path("", include("django_prometheus.urls")),
]

handler404 = "api.errors.not_found"
handler500 = "api.errors.server_error"
