from constance import apps as constance
from django.apps import AppConfig


class LakeConfig(AppConfig):
    name = "lake"

    def ready(self) -> None:
        from lake import checks  # noqa: F401 - registers the system checks once the apps are loaded


class FlagsConfig(constance.ConstanceConfig):  # type: ignore[misc]
    """The library that keeps the flags, under the name that the admin knows them by."""

    default = False  # of the two in this module, "lake" means the other
    verbose_name = "Flags"
