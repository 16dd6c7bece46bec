from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "api"

    def ready(self) -> None:
        from api import checks, metrics  # noqa: F401 - registers the system checks

        metrics.register()
