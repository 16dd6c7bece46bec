"""The export of the API, to a file: the same parameters, no limit of rows, and a killed run can be resumed."""

from argparse import ArgumentParser
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rest_framework.exceptions import APIException

from api.answers.errors import problem
from api.answers.export import file_format, new_manifest, new_spec, with_coverage
from api.answers.reader import reader
from api.answers.usernames import handle_lookup
from api.params.export import ExportParams
from api.params.fields import Boolean, Repeatable
from api.params.request_values import RequestValues
from ingest.handles.appview import HandleServiceDown
from lake.delivery import resumable_file
from lake.delivery.resumable_file import ExportFile, State, beside
from lake.errors import LakeError
from lake.export.spec import ExportSpec
from lake.flags.definitions import Flags
from lake.flags.store import flags
from lake.query.filters import synonyms
from process import progress_bar
from process.instants import iso_us, now_us


def operators_flags() -> Flags:
    """Who has a shell here is known."""
    return flags()._replace(honor_no_unauthenticated=False)


class Command(BaseCommand):
    help = "Exports all hits to FILE, with FILE.manifest.json beside it. --resume continues a run that was killed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--output", metavar="FILE", type=Path, required=True)
        parser.add_argument("--resume", action="store_true", help="continue a run that was killed")
        for name, field in ExportParams().fields.items():
            more: dict[str, Any] = {"nargs": "?", "const": "true"} if isinstance(field, Boolean) else {}
            repeat = " Repeatable." if isinstance(field, Repeatable) else ""
            text = f"{field.help_text}{repeat}".replace("%", "%%")
            names = [f"--{each}" for each in (name, *synonyms(name))]
            names += [dashed for each in names if (dashed := f"--{each[2:].replace('_', '-')}") not in names]
            parser.add_argument(*names, dest=_kept(name), action="append", default=[], help=text, **more)

    def handle(self, *args: Any, output: Path, resume: bool, **options: Any) -> None:
        given = {str(name): options[_kept(name)] for name in ExportParams().fields if options[_kept(name)]}
        params = ExportParams(data=RequestValues(given, {}), context={"flags": operators_flags()})
        try:
            params.is_valid(raise_exception=True)
            self._export(params, output, resume)
        except APIException as error:
            raise CommandError(problem(error).message) from error
        except (LakeError, HandleServiceDown) as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            raise CommandError("Stopped: --resume continues from here.") from None

    def _export(self, params: ExportParams, path: Path, resume: bool) -> None:
        if path.exists():
            raise CommandError(f"{path} exists: remove it, or name another file.")
        if beside(path, "part").exists() and not resume:
            raise CommandError(f"{beside(path, 'part')} exists: continue it with --resume, or remove it.")
        spec, state = self._begin(params, path, resume)
        manifest = with_coverage(new_manifest(params, spec))
        for note in manifest["notes"]:
            self.stdout.write(f"Note: {note}")
        export = ExportFile(path, state, manifest)
        progress = export.run(reader(), spec, file_format(params, spec, manifest), handle_lookup().names)
        progress_bar.run_with_progress(progress, lambda: f"seconds of the data, {state.rows:,} rows")
        self.stdout.write(f"OK: {path} has {state.rows:,} rows, {state.bytes:,} bytes; its sha256 is in the manifest.")

    def _begin(self, params: ExportParams, path: Path, resume: bool) -> tuple[ExportSpec, State]:
        """What to export, and the state of the file. Parquet, which has a footer, and samples always start over."""
        spec, requested = new_spec(params, 0), params.requested()
        restart = params.validated_data["format"] == "parquet" or params.validated_data["sample"]
        state = resumable_file.load(path, requested, spec.search.of) if resume and not restart else None
        if state is None:
            if resume:
                self.stdout.write("Starts over.")
            started = iso_us(now_us())
            return spec, State(requested, spec.search.snapshot_us, started)
        self.stdout.write(f"Continues after {state.rows:,} rows.")
        return replace(spec, search=replace(spec.search, snapshot_us=state.snapshot_us)), state


def _kept(name: Any) -> str:
    """Under which name an option is kept: `self` can't be."""
    return f"parameter_{name}"
