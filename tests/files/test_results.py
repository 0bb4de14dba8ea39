"""Uploads and results in a bucket: served from there, and worked on after the disk was lost."""

from __future__ import annotations

import io
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from wsgiref.types import WSGIEnvironment

import pytest

from files import mirror
from files.bucket import Bucket
from files.errors import StorageError
from files.objects import Objects
from pipeline.child.supervise import JobResult
from pipeline.engine.model import SHUTDOWN
from pipeline.job.events import Report
from pipeline.job.model import Job
from pipeline.running.adjustment import run_adjustment
from pipeline.running.runner import Runner
from pipeline.settings import Settings
from pipeline.tasks.form import FORM
from pipeline.tasks.record import read
from store import ADJUST, Store, Task
from tests.files.conftest import S3, keys, write
from tests.pipeline.running.services import hand_in
from tests.ui.routes.routed import THEIRS, app_of, client, finished, service_of
from tests.waiting import PATIENCE_SECONDS, until
from ui.routes import files

FILM = bytes(range(256)) * 400


def test_what_the_disk_lost_is_served_from_the_bucket(
    tmp_path: Path, url: str, s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(outputs=tmp_path / "outputs", storage_url=url, visibility="private")
    with service_of(settings, monkeypatch) as service:
        task, app = finished(service), app_of()
        path = service.store.safe_path(task.variant("modular").output)
        assert path is not None
        service.store.files.publish(path)
        path.unlink()
        address = f"/files/{task.id}/modular"
        part = client(app).get(address, headers={"range": "bytes=10-19"})
        assert (part.status_code, part.content) == (206, FILM[10:20])
        assert part.headers["content-range"] == f"bytes 10-19/{len(FILM)}"
        assert client(app).get(address).content == FILM
        assert client(app).head(address).headers["content-length"] == str(len(FILM))
        beyond = client(app).get(address, headers={"range": f"bytes={len(FILM)}-"})
        assert beyond.status_code == 416
        saved = client(app).get(f"{address}?download=1")
        assert "my%20dance_retrack.mp4" in saved.headers["content-disposition"]
        bundle = client(app).get(f"/files/bundle?ids={task.id}")
        with zipfile.ZipFile(io.BytesIO(bundle.content)) as archive:
            assert archive.read(archive.namelist()[0]) == FILM
        assert client(app, THEIRS).get(address).status_code == 404
        assert client(app, None).get(address).status_code == 404
        assert not path.exists(), "what is only sent is not kept"
        s3.fault = lambda environ: 403
        assert client(app).get(address).status_code == 503
        noted = read(service.store.update(task.id, {"modular_size": len(FILM)}))
        assert files.file_size(service, noted, "modular", path) == len(FILM)
        s3.well()
        assert files.local_path(service, task, "modular") == path and path.read_bytes() == FILM


@pytest.fixture
def place(tmp_path: Path, url: str) -> Bucket:
    return Bucket(url, tmp_path / "outputs")


def test_a_file_comes_back_whole_in_parts(place: Bucket, tmp_path: Path) -> None:
    path = write(tmp_path / "outputs/uploads/x/dance.mp4", bytes(range(251)) * 80_000)  # 20 MB
    before = path.read_bytes()
    place.publish(path)
    path.unlink()
    assert place.has(path) and place.fetch(path) and path.read_bytes() == before
    assert [one.name for one in path.parent.iterdir()] == ["dance.mp4"]
    nothing = path.with_name("reference.mp4")
    assert not place.fetch(nothing) and not place.has(nothing) and place.stat(nothing) is None
    with pytest.raises(FileNotFoundError):
        place.publish(nothing)


def test_a_download_that_breaks_off_leaves_nothing(place: Bucket, tmp_path: Path, s3: S3) -> None:
    path = write(tmp_path / "outputs/uploads/x/dance.mp4", b"1" * 10_000_000)
    place.publish(path)
    path.unlink()
    s3.fault = lambda environ: 403 if environ["REQUEST_METHOD"] == "GET" else 0
    with pytest.raises(StorageError, match="could not be fetched"):
        place.fetch(path)
    assert list(path.parent.iterdir()) == []
    s3.well()
    assert place.fetch(path)


def test_each_attempt_gives_its_result_a_name_of_its_own(place: Bucket, tmp_path: Path) -> None:
    results = tmp_path / "outputs/results/task"
    final = results / "task_v2.mp4"
    here = write(results / "attempt-1-a/task_v2.mp4", b"here")
    one = place.adopt(here, final, again=False)
    assert one.read_bytes() == b"here" and not here.exists()
    assert place.adopt(here, final, again=True) == one
    elsewhere = write(results / "attempt-2-b/task_v2.mp4", b"elsewhere")  # on a worker
    place.publish(elsewhere)
    shutil.rmtree(elsewhere.parent)
    two = place.adopt(elsewhere, final, again=False)
    assert two != one and not two.exists() and place.fetch(two)
    assert two.read_bytes() == b"elsewhere"
    with pytest.raises(FileNotFoundError):
        place.adopt(results / "attempt-3-c/task_v2.mp4", final, again=False)


@contextmanager
def serving(settings: Settings) -> Iterator[Store]:
    """A dashboard without its page."""
    store = Store(settings, FORM).start()
    runner = Runner(store, settings)
    runner.start()
    yield store
    runner.stop()
    store.close()


def is_settled(task: Task | None) -> bool:
    return task is not None and (task.adjust is None or task.adjust.status == "failed")


def results_of(objects: Objects, task_id: str) -> list[str]:
    names = (key.rpartition("/")[2] for key in keys(objects) if key.startswith("results/"))
    return sorted(name for name in names if name.endswith(".mp4") and name.startswith(task_id))


def named(task: Task | None) -> list[str]:
    """The results that a record names."""
    assert task is not None
    return sorted(Path(task.extra[f"{kind}_output"]).name for kind in ("v2", "modular"))


@pytest.mark.timeout(3 * PATIENCE_SECONDS)
def test_a_task_outlives_the_disk_and_is_made_once_more(
    settings: Settings,
    url: str,
    objects: Objects,
    sample_pair: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RETRACK_STORAGE_URL", url)
    monkeypatch.setattr(mirror, "TICK_SECONDS", 0.1)
    now = Settings()
    with serving(now) as store:
        task_id = hand_in(store, now, sample_pair).id
        until(lambda: (found := store.get(task_id)) and found.finished, "the task's end")
        before = named(store.get(task_id))
        assert results_of(objects, task_id) == before
    shutil.rmtree(now.outputs)
    with serving(now) as store:
        task = store.get(task_id)
        assert task is not None and task.status == "success" and task.extra["plans"]
        path = store.safe_path(task.extra["v2_output"])
        assert path is not None and not path.exists()
        with store.files.open(path) as film:
            assert film.read(12)[4:8] == b"ftyp"
        store.request(task_id, {"options": {"nudge_ms": 120.0}})
        until(lambda: is_settled(store.get(task_id)), "the adjustment")
        task = store.get(task_id)
        assert task is not None and task.revision == 1
        after = named(task)
        assert not set(before) & set(after)
        until(lambda: results_of(objects, task_id) == after, "the end of the older results")
        assert not any("attempt-" in key for key in keys(objects))
        details = f"results/{task_id}/details-{task.extra['details']}.json"
        others = f"results/{task_id}/details-"
        until(
            lambda: [key for key in keys(objects) if key.startswith(others)] == [details],
            "the end of the older details",
        )
        store.delete(task_id)
        until(lambda: not any(task_id in key for key in keys(objects)), "the end of its objects")


@pytest.mark.timeout(3 * PATIENCE_SECONDS)
def test_what_is_made_once_more_waits_for_details_that_are_in_the_bucket_alone(
    settings: Settings,
    url: str,
    s3: S3,
    sample_pair: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RETRACK_STORAGE_URL", url)
    monkeypatch.setattr(mirror, "TICK_SECONDS", 0.1)
    now, refused = Settings(), 0
    with serving(now) as store:
        task_id = hand_in(store, now, sample_pair).id
        until(lambda: (found := store.get(task_id)) and found.finished, "the task's end")
    shutil.rmtree(now.outputs)

    def fault(environ: WSGIEnvironment) -> int:
        """The details cannot be had four times."""
        nonlocal refused
        asked = "/details-" in environ["PATH_INFO"]
        refused += asked
        return 403 if asked and refused <= 4 else 0

    jobs: list[Job] = []

    def execute(job: Job, report: Report, **_: object) -> JobResult:
        jobs.append(job)
        return JobResult(reason=SHUTDOWN)

    store = Store(now, FORM).start()
    s3.fault = fault
    store.request(task_id, {"options": {"nudge_ms": 120.0}})
    refused = 0
    task = store.claim(ADJUST)
    assert task is not None and refused and not task.extra.get("plans")
    run_adjustment(store, task, now, execute, lambda: False)
    store.close()
    assert set(jobs[0].plans or ()) == {"v2", "modular"}
