"""The page's calls on every engine: the same answers, and what only workers elsewhere can do."""

from __future__ import annotations

import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any
from wsgiref.types import WSGIEnvironment

import psutil
import pytest

from files.objects import Objects
from files.place import open_place
from pipeline import reasons
from pipeline.child import cached_calls
from pipeline.child.supervise import CallResult
from pipeline.engine.inputs import found, named
from pipeline.engine.model import Engine
from pipeline.engine.threads import engine_of
from pipeline.running.runner import Runner
from pipeline.settings import Settings
from store import Store, Task
from tests.files.conftest import S3, keys, write
from tests.pipeline.engine.conftest import Broker, children_of
from tests.waiting import PATIENCE_SECONDS, until

pytestmark = pytest.mark.timeout(3 * PATIENCE_SECONDS)


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("project") / "outputs"


@pytest.fixture
def settings(settings: Settings, outputs: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """One folder for all tests, so that workers need not start anew for each."""
    monkeypatch.setenv("RETRACK_OUTPUTS", str(outputs))
    return Settings()


@pytest.fixture
def films(settings: Settings, short_pair: tuple[Path, Path]) -> tuple[Path, Path]:
    """The pair as a task has it."""
    folder = settings.outputs / "uploads" / uuid.uuid4().hex
    dance, song = (write(folder / path.name, path.read_bytes()) for path in short_pair)
    return dance, song


def engine_now() -> Engine:
    """The engine that the environment names."""
    settings = Settings()
    return engine_of(settings, open_place(settings.storage_url, settings.outputs))


@pytest.fixture(params=["threads", "workers", "workers apart"])
def engine(request: pytest.FixtureRequest, films: tuple[Path, Path]) -> Iterator[Engine]:
    fixture = {"workers": "broker", "workers apart": "apart"}.get(request.param)
    if fixture:
        request.getfixturevalue(fixture)
    if request.param == "workers apart":  # the films are in the bucket, and nowhere else
        place = open_place(Settings().storage_url, Settings().outputs)
        for path in films:
            place.publish(path)
            path.unlink()
    yield engine_now()
    if request.param == "workers apart":
        request.getfixturevalue("redis").stop_workers()  # they have another folder


@pytest.fixture
def asking(broker: Broker) -> Iterator[Callable[..., Future[CallResult]]]:
    """Asks workers for the facts of a file, and does not wait."""
    engine, pool = engine_now(), ThreadPoolExecutor(4)

    def ask(path: Path, timeout: float = 120.0) -> Future[CallResult]:
        given, now = {"path": str(path), "role": "reference"}, Settings()
        return pool.submit(engine.call, "facts", given, quick=True, timeout=timeout, settings=now)

    yield ask
    pool.shutdown()


def held(name: str, other_than: psutil.Process | None = None) -> psutil.Process:
    """The child that makes a call, stopped in its work."""

    def there() -> list[psutil.Process]:
        ours = psutil.Process().children(recursive=True)  # others ask for facts as well
        return [child for child in children_of(name) if child in ours and child != other_than]

    until(there, "the child")
    child = there()[0]
    child.suspend()
    return child


def kill_worker(child: psutil.Process) -> None:
    """Ends the worker whose process for this call started the child."""
    child.parents()[1].kill()


def test_every_call_gives_the_same_wherever_it_is_made(
    engine: Engine, films: tuple[Path, Path], settings: Settings, objects: Objects
) -> None:
    dance, song = films
    results = settings.outputs / "results" / dance.parent.name

    def ask(name: str, **given: Any) -> CallResult:
        texts = {
            key: str(value) if isinstance(value, Path) else value for key, value in given.items()
        }
        return engine.call(name, texts, quick=True, timeout=120.0, settings=settings)

    facts = ask("facts", path=dance, role="dance")
    assert facts.outcome is not None
    assert facts.outcome["duration"] == pytest.approx(8, abs=1) and facts.outcome["thumbnail"]
    assert ask("same", path=dance, other=song).outcome == {"same": False}
    made = {
        "thumbnail": dance.with_name("thumbnail.jpg"),
        "preview": results / "preview_original.mp4",
        "sound": results / "sound_original.mp4",
        "waveforms": results / "waveforms.json",
    }
    pictures = ask("thumbnail", path=dance, out=made["thumbnail"], at=1.0)
    copy = ask("preview", path=dance, out=made["preview"], role="dance")
    sound = ask("preview", path=dance, out=made["sound"], role="dance", sound_only=True)
    waves = ask("waveforms", dance=dance, reference=song, out=made["waveforms"])
    assert [one.reason for one in (pictures, copy, sound, waves)] == 4 * [None]
    assert waves.outcome == {"out": str(made["waveforms"])}
    assert made["thumbnail"].read_bytes().startswith(b"\xff\xd8")
    assert b'"levels"' in made["waveforms"].read_bytes()
    assert b"ftyp" in made["sound"].read_bytes()[:12]
    assert made["preview"].stat().st_size > made["sound"].stat().st_size > 10_000
    bad = write(dance.with_name("text.mp4"), b"no video" * 99)
    assert ask("facts", path=bad, role="dance").reason == reasons.NOT_MEDIA
    missing = ask("facts", path=dance.with_name("none.mp4"), role="dance")
    assert missing.reason == reasons.MISSING_FILE
    assert not list(settings.outputs.rglob("call-*"))
    if getattr(engine, "outlives", False):
        assert not [key for key in keys(objects) if "call-" in key]


def test_a_call_waits_for_no_task(
    broker: Broker,
    service: Callable[[], Runner],
    hand_in: Callable[[Store], Task],
    films: tuple[Path, Path],
    asking: Callable[..., Future[CallResult]],
) -> None:
    store = service().store
    tasks = [hand_in(store) for _ in range(2)]
    until(lambda: all(children_of(task.id) for task in tasks), "both tasks' children")
    children = [held(task.id) for task in tasks]
    assert asking(films[0]).result(PATIENCE_SECONDS).outcome
    for child in children:
        child.resume()
    until(lambda: all(one.finished for one in store.snapshot().tasks), "the tasks' end")


def test_a_slow_file_of_one_visitor_does_not_delay_another(
    broker: Broker, films: tuple[Path, Path], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "_retrack_background", ModuleType("background"))
    cached_calls.go_through(engine_now().call, Path.stat)

    def look(path: Path, visitor: str) -> CallResult | None:
        given = {"path": str(path), "role": "reference"}
        return cached_calls.fetch("facts", given, path, timeout=60.0, group=visitor, quick=True)

    assert look(films[0], "first") is None
    child = held("facts")
    until(lambda: look(films[1], "second"), "the answer for the other visitor")
    assert look(films[0], "first") is None
    child.resume()
    until(lambda: look(films[0], "first"), "the answer for the first visitor")


def test_a_call_of_a_killed_worker_is_made_once_more(
    films: tuple[Path, Path],
    asking: Callable[..., Future[CallResult]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pipeline.engine.seen.DEAD_SECONDS", 6.0)  # two signs of life, less to wait
    dance, song = films
    asked = asking(dance)
    first = held("facts")
    kill_worker(first)
    assert asked.result(PATIENCE_SECONDS).outcome
    until(lambda: not first.is_running(), "the end of the killed worker's child")
    asked = asking(song)
    child = held("facts")
    kill_worker(child)
    kill_worker(held("facts", child))
    assert asked.result(PATIENCE_SECONDS).reason == reasons.INTERRUPTED
    assert asking(song).result(PATIENCE_SECONDS).outcome, "it comes back"


@pytest.mark.parametrize("where", ["threads", "workers apart"])
def test_a_call_waits_for_a_bucket_that_is_away(
    request: pytest.FixtureRequest,
    films: tuple[Path, Path],
    url: str,
    s3: S3,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
) -> None:
    if where == "threads":
        monkeypatch.setenv("RETRACK_STORAGE_URL", url)
    else:
        request.getfixturevalue("apart")
    dance, now = films[0], Settings()
    open_place(now.storage_url, now.outputs).publish(dance)
    dance.unlink()
    asked: Counter[tuple[str, str]] = Counter()

    def fault(environ: WSGIEnvironment) -> int:
        """Each request is refused twice."""
        what = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        asked[what] += 1
        return 403 if asked[what] <= 2 else 0

    s3.fault = fault
    picture = dance.with_name("thumbnail.jpg")
    given = {"path": str(dance), "out": str(picture), "at": 1.0}
    found = engine_now().call("thumbnail", given, quick=True, timeout=120.0, settings=now)
    assert (found.reason, found.text) == (None, "")
    assert picture.read_bytes().startswith(b"\xff\xd8")
    if where == "workers apart":
        request.getfixturevalue("redis").stop_workers()  # they have another folder


def test_a_redis_that_was_emptied_or_away_costs_no_answer(
    broker: Broker, films: tuple[Path, Path], asking: Callable[..., Future[CallResult]]
) -> None:
    dance, song = films
    asked = asking(dance)
    child = held("facts")
    broker.client.flushall()
    assert asked.result(PATIENCE_SECONDS).outcome
    until(lambda: not child.is_running(), "the end of the forgotten call")
    broker.kill_redis()
    asked = asking(song)
    broker.start_redis()
    assert asked.result(PATIENCE_SECONDS).outcome


def test_a_call_whose_worker_puts_its_own_note_away_meanwhile_is_forgotten(
    redis: Broker, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer is there; between two looks of RQ's at what works on a run, that has ended."""
    from rq.job import Job as Run

    monkeypatch.setenv("RETRACK_BROKER_URL", redis.url)
    engine: Any = engine_now()
    run = Run.create("nothing", connection=redis.client)
    run.save()
    noted = run.execution_registry.key
    redis.client.zadd(noted, {"ended": time.time() + 60})
    engine._forget(run)
    assert not redis.client.exists(run.key, noted)


def test_a_redis_that_stays_away_is_not_waited_for_beyond_the_limit(
    films: tuple[Path, Path], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("rq", reason="rq is not installed (requirements-workers.txt)")
    monkeypatch.setenv("RETRACK_BROKER_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setattr("pipeline.engine.remote.LATE_SECONDS", 0)
    given = {"path": str(films[0]), "role": "dance"}
    found = engine_now().call("facts", given, quick=True, timeout=0.5, settings=settings)
    assert (found.outcome, found.reason) == (None, reasons.INTERRUPTED)


def test_an_interrupted_call_is_made_again_at_a_later_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "_retrack_background", ModuleType("background"))
    answers = [CallResult(reason=reasons.INTERRUPTED), CallResult(outcome={"same": True})]
    cached_calls.go_through(lambda *given, **options: answers.pop(0), Path.stat)
    path = write(tmp_path / "a.mp4", b"x")

    def look() -> CallResult | None:
        return cached_calls.fetch("same", {}, path, timeout=1.0, group=None)

    until(look, "the first answer")
    assert len(answers) == 1
    monkeypatch.setattr(cached_calls, "AGAIN_SECONDS", 0.0)
    until(lambda: (one := look()) and one.outcome, "the second one")


def test_a_message_reaches_nothing_but_calls_and_files_below_the_outputs_folder(
    tmp_path: Path,
) -> None:
    given = {"path": str(tmp_path / "uploads/x/dance.mp4"), "role": "dance"}
    assert found(named(given, tmp_path), tmp_path) == given
    for path in ("../x", "/etc/passwd", "uploads/../../x"):
        for name in ("path", "out", "reference"):
            with pytest.raises(ValueError, match="not below"):
                found({name: path}, tmp_path)
    with pytest.raises(ValueError, match="not in the subpath"):
        named({"out": "/etc/passwd"}, tmp_path)
    pytest.importorskip("rq", reason="rq is not installed (requirements-workers.txt)")
    from pipeline.engine.worker import answer

    with pytest.raises(ValueError, match="no such call"):
        answer("system", {}, {}, 1.0, None)
