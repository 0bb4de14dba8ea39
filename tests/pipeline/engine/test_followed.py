"""What the service makes of a run whose results went while it was reading of them: real Redis."""

from __future__ import annotations

from pathlib import Path

import pytest

from files.local import Local
from pipeline.engine.messages import SENT
from pipeline.engine.model import SHUTDOWN
from pipeline.job.events import Event, VariantEvent, to_json
from pipeline.job.model import Job, VariantOutcome
from pipeline.settings import Settings
from tests.pipeline.engine.conftest import Broker


@pytest.fixture
def sent(redis: Broker, tmp_path: Path) -> Job:
    """A run whose worker has reported a result."""
    serializers = pytest.importorskip("rq.serializers")
    folder = tmp_path / "attempt-1"
    (folder / "scratch").mkdir(parents=True)
    event = to_json(VariantEvent("v2", VariantOutcome("success", "v2.mp4")))
    meta = serializers.JSONSerializer.dumps({"events": [event], "progress": None})
    redis.client.hset(f"rq:job:{folder.name}", mapping={SENT: "now", "meta": meta})
    dance, reference = folder / "dance.mp4", folder / "song.wav"
    return Job(dance, reference, out=folder, stem="x", scratch=folder / "scratch")


@pytest.mark.parametrize("emptied", [False, True])
def test_a_result_that_went_with_its_run_is_made_anew(
    redis: Broker, sent: Job, monkeypatch: pytest.MonkeyPatch, emptied: bool
) -> None:
    """A worker whose run Redis has forgotten takes away what it made."""
    from pipeline.engine.remote import Remote

    monkeypatch.setenv("RETRACK_BROKER_URL", redis.url)
    engine = Remote(Settings(), Local())

    def report(event: Event) -> None:
        if emptied:
            redis.client.flushall()
        raise FileNotFoundError("v2.mp4")

    def execute() -> str | None:
        return engine.execute(sent, report, stop=lambda: None, timeout=60, tag="x").reason

    if emptied:
        assert execute() == SHUTDOWN, "it goes back into the queue, the attempt not counted"
    else:
        with pytest.raises(FileNotFoundError):
            execute()
