"""A service with a third method; ``test_third_method.py`` runs this in a process of its own.

The method is a plain function, and its one line is added to the source of ``pipeline/model.py``
before anything reads it. The job runs in this process, since a child would read the source anew.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
LINE = 'VARIANTS: tuple[VariantName, ...] = ("v2", "modular")'


def add_line() -> None:
    """Lets ``pipeline.model`` name the third method, as an editor would."""
    import pipeline

    spec = find_spec("pipeline.model")
    assert spec is not None and spec.origin is not None
    source = Path(spec.origin).read_text("utf-8")
    assert source.count(LINE) == 1
    module = module_from_spec(spec)
    sys.modules["pipeline.model"] = module
    added = LINE.replace('"modular")', '"modular", "third")')
    exec(compile(source.replace(LINE, added), spec.origin, "exec"), module.__dict__)  # noqa: S102
    pipeline.model = module


def third(dance: Any, reference: Any, *, hint: Any = None, progress: Any = None) -> Any:
    """Knows the sample pair by heart."""
    from pipeline.model import MethodAlignment, Segment
    from pipeline.sample.pair import OFFSET_SECONDS

    found = (Segment(dance_start=2.0, dance_end=20.0, offset=OFFSET_SECONDS),)
    return MethodAlignment(
        method="third", matched=True, ambiguous=False, confidence=0.9, segments=found
    )


def run_job(job: Any, report: Any, *, stop: Callable[[], str | None], **_: Any) -> Any:
    """Runs a job here, for ``pipeline.running.attempt.Execute``."""
    from pipeline.child.supervise import JobResult
    from pipeline.job.run import run, write_evidence
    from pipeline.settings import Settings

    outcome = run(job, report, Settings())
    write_evidence(job.out, outcome)
    return JobResult(outcome=outcome)


def main(dance: Path, reference: Path) -> None:
    """From two files to the page's rows."""
    add_line()
    method = ModuleType("pipeline.align.third.method")
    method.third = third  # type: ignore[attr-defined]
    sys.modules[method.__name__] = method

    from streamlit.testing.v1 import AppTest

    from pipeline.running.attempt import run_task
    from pipeline.settings import Settings
    from pipeline.tasks.record import read
    from pipeline.tasks.submit import submit
    from store import Store
    from tests.ui.listed import listed

    settings = Settings()
    store = Store(settings).start()
    task_id = submit(store, settings, dance, reference, dance_name="d.mp4", reference_name="r").id
    claimed = store.claim()
    assert claimed is not None
    run_task(store, claimed, settings, run_job, lambda: False)
    done = store.get(task_id)
    assert done is not None
    task = read(done)
    assert task.status == "success" and task.results == ("third", "modular", "v2"), task
    assert task.answer.agreement_ms is not None and task.answer.agreement_ms < 50
    result = task.variant("third")
    path = store.safe_path(result.output)
    assert path is not None and path.stat().st_size == result.size and not result.notes
    assert result.plan is not None and 17.8 < result.plan.duration < 18.1
    store.close()

    page = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=60)
    page.query_params["task"] = task_id
    page.run()
    assert not page.exception
    [players] = [one for one in page.button_group if one.key == f"stock-{task_id}"]
    assert players.options[:2] == ["Clean song", "Phone sound"], players.options
    del page.query_params["task"]
    [row] = listed(page.run())
    assert row["chip"]["text"] == "Done" and not row["note"], row
    sys.stdout.write("a third method ran\n")

    from ui.service import stop_service

    stop_service()


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
