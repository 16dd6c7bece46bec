from django.apps import AppConfig


class LakeConfig(AppConfig):
    name = "lake"

    def ready(self) -> None:
        from lake import checks  # noqa: F401 - registers the system checks once the apps are loaded
