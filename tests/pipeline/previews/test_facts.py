"""A file is probed once; what was found out is noted beside it, for these bytes and no others."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.child import supervise
from pipeline.job import steps
from pipeline.job.model import Job
from pipeline.job.run import run
from pipeline.limits import Limits
from pipeline.media import facts_note
from pipeline.media.info import MediaInfo, Role
from pipeline.media.probe import probe
from pipeline.previews import facts
from pipeline.running.attempt import job_of
from pipeline.settings import Settings
from pipeline.tasks.record import read
from pipeline.tasks.submit import submit
from store import Store, Task


def facts_of(path: Path, role: Role, *, settings: Settings) -> dict[str, Any]:
    """As a call does, in this process."""

    def ask() -> supervise.CallResult:
        return supervise.ChildResult(facts.facts_of(path, role, settings=settings))

    found = supervise.noted("facts", {"path": str(path), "role": role}, ask, settings)
    assert found.outcome is not None
    return dict(found.outcome)


@pytest.fixture
def uploads(sample_pair: tuple[Path, Path], tmp_path: Path) -> tuple[Path, Path]:
    """The pair as it waits to be handed in."""
    folder = tmp_path / "incoming"
    folder.mkdir()
    dance = Path(shutil.copyfile(sample_pair[0], folder / ("a" * 32)))
    return dance, Path(shutil.copyfile(sample_pair[1], folder / ("b" * 32)))


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    store = Store(settings)
    store.start()
    yield store
    store.close()


@pytest.fixture
def probed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are probed from here on."""
    found: list[str] = []

    def noting(path: Path, **given: Any) -> MediaInfo:
        found.append(path.name)
        return probe(path, **given)

    monkeypatch.setattr(facts, "probe", noting)
    monkeypatch.setattr(steps, "probe", noting)
    return found


def hand_in(store: Store, settings: Settings, pair: tuple[Path, Path], *, keep: bool) -> Task:
    return submit(
        store,
        settings,
        *pair,
        dance_name="d.mp4",
        reference_name="r.m4a",
        move=True,
        keep_reference=keep,
    )


def test_a_file_is_probed_once_from_upload_to_result(
    uploads: tuple[Path, Path], store: Store, settings: Settings, probed: list[str], tmp_path: Path
) -> None:
    dance, reference = uploads
    first = facts_of(dance, "dance", settings=settings)
    facts_of(reference, "reference", settings=settings)
    again = facts_of(dance, "dance", settings=settings)
    assert again == json.loads(json.dumps(first))
    assert probed == [dance.name, reference.name]
    tasks = [hand_in(store, settings, uploads, keep=True)]
    shutil.copy2(
        store.safe_path(read(tasks[0]).dance_file) or "", dance
    )  # of a class, the next dance
    tasks.append(hand_in(store, settings, uploads, keep=False))
    for task in tasks:
        job = job_of(store, task, tmp_path / task.id, {})
        assert run(job, lambda event: None, settings).matched
    assert probed == [dance.name, reference.name], "the tasks go by the notes"


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 5000)


def changed(path: Path) -> None:
    os.utime(path, ns=(1, 1))


def unreadable(path: Path) -> None:
    facts_note.note_path(path).write_text('{"binding"')


def odd(path: Path) -> None:
    note = facts_note.note_path(path)
    given = json.loads(note.read_text())
    note.write_text(json.dumps({**given, "facts": {**given["facts"], "video": 5}}))


def nothing(path: Path) -> None:
    facts_note.note_path(path).unlink()


@pytest.mark.parametrize("spoil", [cut, changed, unreadable, odd, nothing])
def test_what_no_note_holds_for_is_probed(
    spoil: Callable[[Path], None],
    uploads: tuple[Path, Path],
    settings: Settings,
    probed: list[str],
) -> None:
    dance, _ = uploads
    facts_of(dance, "dance", settings=settings)
    assert facts_note.noted_info(dance, "dance", settings) == probe(
        dance, role="dance", settings=settings
    )
    spoil(dance)
    assert facts_note.noted_info(dance, "dance", settings) is None
    facts_of(dance, "dance", settings=settings)
    assert probed.count(dance.name) == (1 if spoil is odd else 2)


def test_a_note_holds_for_its_role_and_the_limits_that_it_was_made_by(
    uploads: tuple[Path, Path], settings: Settings
) -> None:
    dance, _ = uploads
    facts_of(dance, "dance", settings=settings)
    stricter: Limits = settings.model_copy(update={"max_duration": 5.0})
    assert facts_note.noted_info(dance, "dance", settings) is not None
    assert facts_note.noted_info(dance, "dance", stricter) is None
    assert facts_note.noted_info(dance, "reference", settings) is None


def test_a_note_beside_a_file_of_ones_own_means_nothing(
    uploads: tuple[Path, Path], settings: Settings, probed: list[str], tmp_path: Path
) -> None:
    """The command line reads files of others, beside which anybody may have written anything."""
    for path, role in zip(uploads, ("dance", "reference"), strict=True):
        facts_of(path, role, settings=settings)  # type: ignore[arg-type]
    probed.clear()
    job = Job(*uploads, out=tmp_path / "out", stem="x", scratch=tmp_path, align_only=True)
    run(job, lambda event: None, settings)
    assert sorted(probed) == sorted(path.name for path in uploads)


def test_what_was_handed_in_meanwhile_leaves_no_note(
    uploads: tuple[Path, Path], settings: Settings
) -> None:
    dance, _ = uploads
    bound = facts_note.binding(dance, "dance", settings)
    dance.rename(dance.with_suffix(".moved"))  # the page looked at it while it was handed in
    facts_note.write(dance, bound, {"duration": 1.0})
    assert not [path for path in dance.parent.iterdir() if facts_note.SUFFIX in path.name]
