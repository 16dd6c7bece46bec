from django.apps import AppConfig


class LakeConfig(AppConfig):
    name = "lake"

    def ready(self) -> None:
        from lake import checks  # noqa: F401, PLC0415 - registers the system checks once the apps are loaded
