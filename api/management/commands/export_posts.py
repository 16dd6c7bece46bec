"""The export of the API to a file: the same parameters, no limit of rows, and a run that was killed can go on."""

from argparse import ArgumentParser
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rest_framework.exceptions import APIException, ValidationError

from api.answers.reader import reader
from api.answers.usernames import handle_lookup
from api.errors import problem
from api.params.fields import Boolean, Repeatable
from api.params.request_values import RequestValues
from api.params.serializers import ExportParams
from api.views.exports import format_of, parameters, spec_of, window_coverage
from ingest.handles.appview import HandleServiceDown
from lake.errors import LakeError
from lake.export import resumable_file
from lake.export.manifest import describe
from lake.export.resumable_file import ExportFile, State, beside
from lake.export.spec import ExportSpec
from lake.flags.definitions import flags
from process import progress_bar
from process.instants import iso_us, now_us


class Command(BaseCommand):
    help = "Exports hits to FILE, with FILE.manifest.json beside it. A run that was killed goes on with --resume."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--output", metavar="FILE", type=Path, required=True)
        parser.add_argument("--resume", action="store_true", help="go on with what a run that was killed has left")
        for name, field in ExportParams().fields.items():
            more: dict[str, Any] = {"nargs": "?", "const": "true"} if isinstance(field, Boolean) else {}
            repeat = " Repeatable." if isinstance(field, Repeatable) else ""
            text = f"{field.help_text}{repeat}".replace("%", "%%")
            parser.add_argument(f"--{name}", action="append", default=[], help=text, **more)

    def handle(self, *args: Any, output: Path, resume: bool, **options: Any) -> None:
        texts = {str(name): options[str(name)] for name in ExportParams().fields}
        params = ExportParams(
            data=RequestValues({name: given for name, given in texts.items() if given}, {}), context={"flags": flags()}
        )
        try:
            params.is_valid(raise_exception=True)
            self._export(params, output, resume)
        except (ValidationError, APIException) as error:
            raise CommandError(problem(error).message) from error
        except (LakeError, HandleServiceDown) as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            raise CommandError("Stopped: --resume goes on where this was.") from None

    def _export(self, params: ExportParams, path: Path, resume: bool) -> None:
        if path.exists():
            raise CommandError(f"{path} is there already: remove it, or take another file.")
        if beside(path, "part").exists() and not resume:
            raise CommandError(f"{beside(path, 'part')} is there: go on with it by --resume, or remove it.")
        asked_for, state = self._begin(params, path, resume)
        manifest = describe(asked_for, parameters(params), params.flags)
        manifest["coverage"] = window_coverage(manifest["window"])
        form = format_of(params, asked_for, manifest)
        export = ExportFile(path, state, manifest)
        progress = export.run(reader(), asked_for, form, handle_lookup().names)
        progress_bar.run_with_progress(progress, lambda: f"seconds of the data, {state.rows:,} rows")
        self.stdout.write(f"OK: {path} has {state.rows:,} rows, {state.bytes:,} bytes; its sha256 is in the manifest.")

    def _begin(self, params: ExportParams, path: Path, resume: bool) -> tuple[ExportSpec, State]:
        """What is wanted, and of which file. One with a footer, or of a sample, can only begin anew."""
        asked_for, asked = spec_of(params, 0), parameters(params)
        anew = params.validated_data["format"] == "parquet" or params.validated_data["sample"]
        state = resumable_file.load(path, asked) if resume and not anew else None
        if state is None:
            if resume:
                self.stdout.write("Begins anew.")
            started = iso_us(now_us())
            return asked_for, State(asked, asked_for.search.snapshot_us, started)
        self.stdout.write(f"Goes on after {state.rows:,} rows.")
        return replace(asked_for, search=replace(asked_for.search, snapshot_us=state.snapshot_us)), state
