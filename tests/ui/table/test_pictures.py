"""The small pictures of the list: as noted, or made in a child; never for strangers."""

from __future__ import annotations

import base64
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.applications import Starlette

from pipeline.media import facts_note
from pipeline.tasks.record import TaskRecord
from tests.ui.routes.routed import THEIRS, client, finished
from ui.parts.viewer import Viewer
from ui.routes import files
from ui.service import Service
from ui.table.pictures import picture_url
from ui.web.visitor import visitor_name

ME = Viewer(None, "cookie")
JPEG = b"\xff\xd8\xff picture"


@pytest.fixture
def uploaded(service: Service) -> tuple[TaskRecord, Path]:
    """A task with a dance in its own folder."""
    task = finished(service)
    dance = service.settings.outputs / "uploads" / task.id / "dance.mp4"
    dance.parent.mkdir(parents=True)
    dance.write_bytes(b"film")
    service.store.update(task.id, {"dance_file": f"outputs/uploads/{task.id}/dance.mp4"})
    found = service.task(task.id)
    assert found is not None
    return found, dance


def note(service: Service, dance: Path) -> None:
    bound = facts_note.binding(dance, "dance", service.settings)
    facts_note.write(dance, bound, {"thumbnail": base64.b64encode(JPEG).decode()})


def test_the_picture_that_was_noted_is_served_to_its_owner_alone(
    service: Service, app: Starlette, uploaded: tuple[TaskRecord, Path]
) -> None:
    task, dance = uploaded
    note(service, dance)
    url = picture_url(service, ME, task)
    answer = client(app).get(f"/{url}")
    assert (answer.status_code, answer.content) == (200, JPEG)
    assert answer.headers["content-type"] == "image/jpeg"
    assert client(app, THEIRS).get(f"/{url}").status_code == 404
    assert client(app, None).get(f"/{url}").status_code == 404
    login = Viewer(visitor_name("login"), "login")
    assert client(app, None).get(f"/{picture_url(service, login, task)}").status_code == 200


def test_without_a_note_a_child_makes_the_picture_while_the_browser_waits(
    service: Service,
    app: Starlette,
    uploaded: tuple[TaskRecord, Path],
    sample_pair: tuple[Path, Path],
) -> None:
    task, dance = uploaded
    shutil.copy(sample_pair[0], dance)
    url = picture_url(service, ME, task)
    assert url.startswith(f"files/{task.id}/thumbnail?")
    made = dance.with_name("thumbnail.jpg")
    assert client(app, THEIRS).get(f"/{url}").status_code == 404
    assert not made.exists(), "nothing is made for a stranger"
    answer = client(app).get(f"/{url}")
    assert (answer.status_code, answer.content[:3]) == (200, JPEG[:3])
    assert answer.content == made.read_bytes()


def test_a_dance_without_a_picture_has_none(
    service: Service, app: Starlette, uploaded: tuple[TaskRecord, Path]
) -> None:
    task, _ = uploaded
    assert client(app).get(f"/{picture_url(service, ME, task)}").status_code == 404


def test_no_picture_is_written_beside_a_file_that_is_not_the_tasks_own(
    service: Service, uploaded: tuple[TaskRecord, Path]
) -> None:
    task, _ = uploaded
    elsewhere = service.settings.outputs / "dance.mp4"
    elsewhere.write_bytes(b"film")
    note(service, elsewhere)
    service.store.update(task.id, {"dance_file": "outputs/dance.mp4"})
    moved = service.task(task.id)
    assert moved is not None and files.file_path(service, moved, "original") == elsewhere
    assert picture_url(service, ME, moved) == ""
    assert not elsewhere.with_name("thumbnail.jpg").exists()


def test_on_a_host_without_routes_the_picture_is_in_the_page(
    service: Service, uploaded: tuple[TaskRecord, Path]
) -> None:
    task, dance = uploaded
    note(service, dance)
    url = picture_url(replace(service, routes=False), ME, task)
    assert url == f"data:image/jpeg;base64,{base64.b64encode(JPEG).decode()}"
