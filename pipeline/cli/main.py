"""The command line: ``python -m pipeline align|run|submit``.

Results are one JSON object on standard output; progress and messages go to standard error, and
``run`` ends with a few lines there that name the results.
Exit codes: 0 done, 3 the two do not share music, 2 input that cannot be used, 128 and its number
after a signal, which leaves nothing unfinished behind.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline import interrupt, reasons
from pipeline.child.sandbox import PRIVATE_UMASK
from pipeline.limits import GivenLimits, for_own_files
from pipeline.model import BEST_FIRST, VARIANTS
from pipeline.reasons import JobError
from pipeline.tasks.answer import track_notices

if TYPE_CHECKING:
    from pipeline.job.events import Event, Report

OK, BAD_INPUT, NOT_MATCHED, FAILED = 0, 2, 3, 1
ENVIRONMENT_PREFIX = "RETRACK_"
"""Of the settings' names."""

EXAMPLES = {
    "align": "python -m pipeline align class.mp4 song.mp3",
    "run": "python -m pipeline run class.mp4 teacher.mp4 --out results --variant v2",
    "submit": "python -m pipeline submit class.mp4 song.mp3",
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pipeline",
        description="Puts the clean track under a filmed dance, in sync. "
        "reference_time = speed * dance_time + offset (seconds).",
        epilog="Exit codes: 0 done; 3 the two do not share music; 2 input that cannot be used; "
        "1 anything else; 128 and its number after a signal (130 for Ctrl+C), which leaves nothing "
        "unfinished behind.",
    )
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name: str, text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(
            name,
            help=text,
            description=text[0].upper() + text[1:] + ".",
            epilog=f"Example: {EXAMPLES[name]}",
        )
        sub.add_argument("dance", type=Path, metavar="DANCE", help="the filmed dance video")
        sub.add_argument(
            "reference", type=Path, metavar="REFERENCE", help="the clean song: video or audio"
        )
        for role in ("dance", "reference"):
            sub.add_argument(
                f"--{role}-track",
                type=int,
                metavar="N",
                help=f"which of the {role}'s sound tracks is meant, from 1 (default: the one "
                "that fits best)",
            )
        return sub

    def placing(sub: argparse.ArgumentParser) -> None:
        sub.add_argument(
            "--offset",
            type=float,
            metavar="SECONDS",
            help="place the music by hand: reference_time = speed * dance_time + OFFSET; "
            "refined within 300 ms where there is anything to refine by",
        )
        sub.add_argument(
            "--speed", type=float, metavar="X", help="with --offset: the speed (default 1.0)"
        )

    def quiet(sub: argparse.ArgumentParser) -> None:
        sub.add_argument("--json", action="store_true", help="no progress, only the JSON object")

    align = command("align", "finds where in the reference the dance's music is")
    align.add_argument(
        "--method", choices=[*BEST_FIRST, "both"], default="both", help="which method answers"
    )
    align.add_argument(
        "--plot", type=Path, metavar="PNG", help="draw waveforms, correlation and the chosen line"
    )
    placing(align)
    quiet(align)

    run = command("run", "makes the dance video with the clean track under it")
    run.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for results")
    run.add_argument(
        "--variant", choices=[*BEST_FIRST, "both"], default="both", help="which results"
    )
    run.add_argument(
        "--keep-all",
        action="store_true",
        help="keep the whole dance, with the original sound where the reference has none",
    )
    run.add_argument(
        "--portable",
        "--every-player",
        action="store_true",
        help="a file for every player and editor: H.264, no edit list",
    )
    run.add_argument(
        "--at-most-mb",
        type=float,
        default=0.0,
        metavar="MB",
        help="the largest file, in megabytes (10^6 bytes); what is larger is encoded again, in two "
        "passes and with a smaller picture where that looks better",
    )
    run.add_argument(
        "--no-loudness", action="store_true", help="leave the reference's loudness as it is"
    )
    run.add_argument(
        "--room-sound",
        type=float,
        default=0.0,
        metavar="0-0.5",
        help="how much of the original sound stays under the music",
    )
    run.add_argument(
        "--nudge",
        type=float,
        default=0.0,
        metavar="MS",
        help="shift the music by -500 to 500 ms; positive is later",
    )
    placing(run)
    quiet(run)

    command("submit", "puts a task into the store, as the page does, and prints its id")
    return parser


def _hint(arguments: argparse.Namespace) -> tuple[float, float] | None:
    if arguments.offset is None:
        if arguments.speed is not None:
            raise JobError(reasons.UNSUPPORTED, "--speed needs --offset")
        return None
    return (arguments.offset, 1.0 if arguments.speed is None else arguments.speed)


def _checked(**options: Any) -> dict[str, Any]:
    """The options of rendering; raises ``JobError`` for a value that is out of its range."""
    from pipeline.plan.options import RenderOptions

    try:
        return RenderOptions(**options).to_json()
    except ValueError as error:
        raise JobError(reasons.UNSUPPORTED, str(error)) from None


def _progress_bar(quiet: bool) -> tuple[Report, Callable[[], None]]:
    """A reporter of a job's events, and what closes it; a bar on a terminal, else nothing."""
    if quiet or not sys.stderr.isatty():
        return (lambda event: None), (lambda: None)
    from tqdm import tqdm

    bar = tqdm(total=100, unit="%", bar_format="{desc:16} {percentage:3.0f}%|{bar}| {elapsed}")

    from pipeline.job.events import ProgressEvent

    def report(event: Event) -> None:
        if isinstance(event, ProgressEvent):
            bar.set_description_str(event.stage)
            bar.n = round(event.progress * 100)
            bar.refresh()

    return report, bar.close


def _job_command(arguments: argparse.Namespace) -> int:
    """``align`` and ``run``: calls the job directly in this process."""
    from pipeline.cli import summary
    from pipeline.job import warnings
    from pipeline.job.model import Job
    from pipeline.job.run import run
    from pipeline.scratch import scratch_folder

    limits = own_limits()
    align_only = arguments.command == "align"
    chosen = arguments.method if align_only else arguments.variant
    variants = VARIANTS if chosen == "both" else (chosen,)
    options: dict[str, Any] = {}
    if not align_only:
        options = _checked(
            keep_all=arguments.keep_all,
            portable=arguments.portable,
            loudness=not arguments.no_loudness,
            room_sound=arguments.room_sound,
            nudge_ms=arguments.nudge,
            at_most_mb=arguments.at_most_mb,
        )
    draw_progress, close = _progress_bar(arguments.json)

    def report(event: Event) -> None:
        interrupt.check()
        draw_progress(event)

    out = Path(tempfile.gettempdir()) if align_only else arguments.out
    try:
        with interrupt.orderly(), scratch_folder() as scratch:
            job = Job(
                dance=arguments.dance,
                reference=arguments.reference,
                out=out,
                stem=arguments.dance.stem,
                scratch=scratch,
                variants=variants,
                options=options,
                hint=_hint(arguments),
                dance_track=arguments.dance_track,
                reference_track=arguments.reference_track,
                align_only=align_only,
            )
            outcome = run(job, report, limits)
            if align_only and arguments.plot:
                from pipeline.cli.plot import draw

                draw(outcome, arguments.plot)
    finally:
        close()
    if align_only:
        _print(outcome.alignment)
    else:
        _print(
            {
                **{
                    f"{name}_output": outcome.variants[name].output
                    if name in outcome.variants
                    else None
                    for name in BEST_FIRST
                },
                "alignment": outcome.alignment,
                "variants": outcome.to_json()["variants"],
                "warnings": list(outcome.warnings),
                "seconds": outcome.seconds,
            }
        )
    for each in (*outcome.warnings, *track_notices(outcome.alignment)):
        _say(f"note: {warnings.text(each)}")
    if not outcome.matched:
        _say("the two files do not share music" + _because(outcome.reason))
        return NOT_MATCHED
    failed = [v for v in outcome.variants.values() if v.status != "success"]
    for variant in failed:
        _say(variant.text)
    if not align_only and not arguments.json:
        for line in summary.lines(outcome):  # last, where the eye is when the JSON has run past
            _say(line)
    return FAILED if failed and len(failed) == len(outcome.variants) else OK


def _because(reason: str | None) -> str:
    return "" if reason in (None, reasons.NO_SHARED_MUSIC) else f" ({reason})"


def own_limits() -> GivenLimits:
    """Those of the environment. Reading them takes pydantic and the store, 0.14 s of processor time
    of 1.8 that a short run takes; where it has none of ours, the defaults hold."""
    if not any(name.upper().startswith(ENVIRONMENT_PREFIX) for name in os.environ):
        return for_own_files(GivenLimits())
    from pipeline.settings import Settings

    return for_own_files(Settings())


@contextmanager
def _settings_said() -> Iterator[None]:
    """A setting that cannot be meant is input that cannot be used."""
    try:
        yield
    except ValueError as error:
        from store import SettingsError

        if not isinstance(error, SettingsError):
            raise
        raise JobError(reasons.UNSUPPORTED, str(error)) from None


def _submit(arguments: argparse.Namespace) -> int:
    from pipeline.settings import Settings
    from pipeline.tasks.form import FORM
    from pipeline.tasks.submit import submit
    from store import Store

    settings = Settings()
    task = submit(
        Store(settings, FORM),
        settings,
        arguments.dance,
        arguments.reference,
        dance_name=arguments.dance.name,
        reference_name=arguments.reference.name,
        options={
            name: number
            for name in ("dance_track", "reference_track")
            if (number := getattr(arguments, name)) is not None
        },
    )
    sys.stdout.write(f"{task.id}\n")
    return OK


def _print(value: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False) + "\n")


def _say(text: str) -> None:
    sys.stderr.write(f"retrack: {text}\n")


def main(argv: list[str] | None = None) -> int:
    """Runs one command; returns its exit code."""
    # More threads of BLAS would only spin: the matrices are small. Before numpy is imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    arguments = _parser().parse_args(argv)
    os.umask(PRIVATE_UMASK)  # as the server does
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="retrack: %(message)s")
    command = _submit if arguments.command == "submit" else _job_command
    try:
        with _settings_said():
            return command(arguments)
    except JobError as error:
        _say(str(error))
        return FAILED if error.reason == reasons.DISK_FULL else BAD_INPUT
    except KeyboardInterrupt as asked:
        _say("cancelled")
        return asked.code if isinstance(asked, interrupt.Ended) else 128 + signal.SIGINT


if __name__ == "__main__":
    sys.exit(main())
