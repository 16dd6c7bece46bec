from django.apps import AppConfig
from django.conf import settings

from process import error_tracker


class ApiConfig(AppConfig):
    name = "api"

    def ready(self) -> None:
        from api import checks  # noqa: F401 - registers the system checks

        error_tracker.start(settings.SENTRY_DSN)
