"""The one settings file. Every value that an operator may change is read through explorer.env, with a default."""

from pathlib import Path

import structlog
from django.core.exceptions import ImproperlyConfigured

from explorer import env
from ingest.process import CRASH_POINTS

BASE_DIR = Path(__file__).resolve().parent.parent
env.load(BASE_DIR / ".env")
(BASE_DIR / "var").mkdir(exist_ok=True)  # the default place of the catalog and the lake

# --- web ---------------------------------------------------------------------------------------------------
DEBUG = env.flag("DJANGO_DEBUG", True)
SECRET_KEY = env.text("DJANGO_SECRET_KEY", "")
if not SECRET_KEY and not DEBUG:
    raise ImproperlyConfigured(
        "DJANGO_SECRET_KEY is empty: with DJANGO_DEBUG=false it has no default. Set it to 50 random characters or more."
    )
SECRET_KEY = SECRET_KEY or "for-development-only-never-outside-debug"
ALLOWED_HOSTS = env.items("DJANGO_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]", "host names")
CSRF_TRUSTED_ORIGINS = env.items(
    "CSRF_TRUSTED_ORIGINS", "", "origins such as https://example.org", lambda origin: "://" in origin
)
WEB_PORT = env.integer("WEB_PORT", 8000, 1, 65535)

INSTALLED_APPS = [
    "django_prometheus",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "ingest",
    "lake",
    "api",
]
MIDDLEWARE = [
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "api.errors.RequestIdMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]
ROOT_URLCONF = "explorer.urls"
WSGI_APPLICATION = "explorer.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "explorer" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "var" / "static"
WHITENOISE_USE_FINDERS = True  # serves the admin's assets without a collectstatic step
WHITENOISE_AUTOREFRESH = DEBUG
SECURE_CONTENT_TYPE_NOSNIFF = True
SESSION_COOKIE_HTTPONLY = True
X_FRAME_OPTIONS = "DENY"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-us"
REST_FRAMEWORK = {
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "UNAUTHENTICATED_USER": None,
    "EXCEPTION_HANDLER": "api.errors.handle",
}

# --- catalog -----------------------------------------------------------------------------------------------
DATABASE_PATH = env.path("DATABASE_PATH", "var/catalog.sqlite3", BASE_DIR)
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DATABASE_PATH,
        "OPTIONS": {
            "timeout": 30,
            "transaction_mode": "IMMEDIATE",
            # FULL: the commit must be on disk before the buffer is trimmed
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-32000;",
        },
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- ingest ------------------------------------------------------------------------------------------------
REDIS_URL = env.text(
    "REDIS_URL",
    "redis://127.0.0.1:6379/0",
    "an URL that begins with redis://, rediss:// or unix://",
    lambda url: url.startswith(("redis://", "rediss://", "unix://")),
)
JETSTREAM_URLS = env.items(
    "JETSTREAM_URLS",
    "wss://jetstream.us-east.bsky.network/subscribe,wss://jetstream.us-west.bsky.network/subscribe,"
    "wss://jetstream1.us-east.bsky.network/subscribe,wss://jetstream2.us-west.bsky.network/subscribe",
    "ws:// or wss:// URLs whose path is /subscribe",
    lambda url: url.startswith(("ws://", "wss://")) and url.endswith("/subscribe"),
)
JETSTREAM_COLLECTIONS = env.items(
    "JETSTREAM_COLLECTIONS",
    "",
    "collections such as app.bsky.feed.post or app.bsky.graph.*",
    lambda name: name.count(".") >= 2,
)
BUFFER_HIGH_WATER = env.decimal("BUFFER_HIGH_WATER", 0.8, 0.05, 0.95)

# --- lake --------------------------------------------------------------------------------------------------
LAKE_ROOT = env.path("LAKE_ROOT", "var/lake", BASE_DIR)
FLUSH_INTERVAL_SECONDS = env.decimal("FLUSH_INTERVAL_SECONDS", 300, 0.1, 3600)
FLUSH_MAX_EVENTS = env.integer("FLUSH_MAX_EVENTS", 200_000, 1, 10_000_000)
QUERY_TIMEOUT_SECONDS = env.decimal("QUERY_TIMEOUT_SECONDS", 30, 0.05, 600)
QUERY_MEMORY_LIMIT = env.text(
    "QUERY_MEMORY_LIMIT",
    "2GB",
    "a size such as 512MB or 2GB",
    lambda size: size[:-2].isdigit() and size[-2:] in ("MB", "GB"),
)
QUERY_THREADS = env.integer("QUERY_THREADS", 2, 1, 256)

# --- operation ---------------------------------------------------------------------------------------------
METRICS_PORT_CONSUMER = env.integer("METRICS_PORT_CONSUMER", 9101, 0, 65535)
METRICS_PORT_FLUSHER = env.integer("METRICS_PORT_FLUSHER", 9102, 0, 65535)
LOG_FORMAT = env.choice("LOG_FORMAT", "text", ("text", "json"))
CRASH_AT = env.choice("CRASH_AT", "", ("", *CRASH_POINTS))
if CRASH_AT and not DEBUG:
    env.refuse("CRASH_AT", CRASH_AT, "nothing outside DJANGO_DEBUG=true: it is for tests")

_shared_processors: list[structlog.typing.Processor] = [
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
structlog.configure(
    processors=[*_shared_processors, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": structlog.stdlib.ProcessorFormatter,
            "foreign_pre_chain": _shared_processors,
            "processor": structlog.processors.JSONRenderer()
            if LOG_FORMAT == "json"
            else structlog.dev.ConsoleRenderer(colors=False),
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {"django.server": {"handlers": ["stderr"], "level": "INFO", "propagate": False}},
}
