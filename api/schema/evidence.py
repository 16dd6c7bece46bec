"""The shapes of what each answer says of itself: its moment, and how complete the data of its window are."""

from api.schema.forms import NUMBER, Shape, documented, null_or, nullable, shape

AS_OF = documented(
    nullable("2026-07-03T08:59:58.120000Z"), "The moment that it stands for; as `as_of` it gives the same again."
)
REMOVED = documented(
    Shape(null_or(NUMBER), 0),
    "With as_of: rows of the window, of any text, that have been deleted or hidden since: at least as many as the "
    "answer lacks now. null: not counted in time, or clock=created.",
)
_WHY = "connection closed (jetstream.example: no frame for 30 s)"
GAP = shape(start="2026-07-01T03:10:00Z", end="2026-07-01T03:13:00Z", minutes=3, why=_WHY)
OF_WINDOW = documented(
    shape(
        complete=documented(False, "True: each minute of the window has data."),
        start=nullable("2026-07-01T00:00:00Z"),
        end=nullable("2026-07-02T00:00:00Z"),
        minutes=documented(1440, "Of the window."),
        minutes_missing=documented(3, "Those without data, also before the first and after the newest data."),
        gaps=documented([GAP], "The ten longest, in order of time."),
        gaps_total=1,
    ),
    "How complete the data of the window are, by the clock `seen`.",
)
