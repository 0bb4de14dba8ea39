"""A link opens its own films and nothing else, for whoever has it and until it ends."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from starlette.applications import Starlette

from pipeline.media import facts_note
from pipeline.tasks import shares
from pipeline.tasks.record import TaskRecord
from tests.ui.routes.routed import MINE, SECRET, client, finished
from ui.routes import share
from ui.routes.files import file_url
from ui.service import Service
from ui.web.visitor import sign

JPEG = b"\xff\xd8\xff\xe0 a picture"
BYTES = bytes(range(256)) * 400


def link_to(
    service: Service, *tasks: TaskRecord, kind: str = "modular", ends: datetime | None = None
) -> str:
    """The path of a fresh link to tasks."""
    kinds = {task.id: kind for task in tasks}
    name = shares.add_share(service.store, kinds, ends, datetime.now(UTC))
    return f"/{share.share_url(service, name)}"


def with_poster(service: Service, task: TaskRecord) -> None:
    dance = service.settings.outputs / "uploads" / task.id / "dance.mov"
    dance.parent.mkdir(parents=True)
    dance.write_bytes(BYTES)
    bound = facts_note.binding(dance, "dance", service.settings)
    facts_note.write(dance, bound, {"thumbnail": base64.b64encode(JPEG).decode()})
    service.store.update(task.id, {"dance_file": f"outputs/uploads/{task.id}/dance.mov"})


def films_of(page: str) -> list[dict[str, Any]]:
    """What the page's buttons were given, one a film."""
    return [json.loads(html.unescape(one)) for one in re.findall(r'data-save="([^"]*)"', page)]


def test_whoever_has_the_link_gets_the_page_the_film_and_its_poster(
    service: Service, app: Starlette
) -> None:
    task = finished(service, kinds=("modular", "v2"))
    with_poster(service, task)
    path, stranger = link_to(service, task, kind="v2"), client(app, None)
    answer = stranger.get(path)
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers, "whoever looks is nobody's visitor"
    for name, value in {
        "cache-control": "no-store",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "x-robots-tag": "noindex, nofollow",
    }.items():
        assert answer.headers[name] == value
    [film] = films_of(answer.text)
    assert film["name"] == "my dance_retrack_other.mp4"
    assert film["size"] == len(BYTES)
    whole = stranger.get(f"/share/{film['url']}")
    assert whole.content == BYTES
    assert whole.headers["content-type"] == "video/mp4"
    assert "content-disposition" not in whole.headers
    piece = stranger.get(f"/share/{film['url']}", headers={"range": "bytes=10-19"})
    assert (piece.status_code, piece.content) == (206, BYTES[10:20])
    saved = stranger.get(f"/share/{film['download']}")
    assert "my%20dance_retrack_other.mp4" in saved.headers["content-disposition"]
    poster = stranger.get(f"{path}/{task.id}/poster")
    assert (poster.content, poster.headers["content-type"]) == (JPEG, "image/jpeg")
    assert f"{task.id}/poster" in answer.text
    for address in (path, f"/share/{film['url']}", f"{path}/{task.id}/poster"):
        assert stranger.head(address).status_code == 200
        assert stranger.head(address).content == b""
        assert stranger.post(address).status_code == 405


def test_the_task_stays_closed_to_who_has_the_link(service: Service, app: Starlette) -> None:
    task = finished(service, kinds=("modular", "v2"))
    path, stranger = link_to(service, task), client(app, None)
    token = path.rpartition("/")[2]
    signature = token.rpartition(".")[2]
    for address in (f"/files/{task.id}/modular", f"/files/bundle?ids={task.id}"):
        assert stranger.get(address).status_code == 404
        sign_of = "&" if "?" in address else "?"
        for given in (token, signature):
            assert stranger.get(f"{address}{sign_of}t={given}").status_code == 404
    for kind in ("original", "reference", "modular", "v2", "preview-modular", "waveforms"):
        assert stranger.get(f"{path}/{task.id}/{kind}").status_code == 404, kind
    # What opens other things opens no link.
    for made in (
        sign(SECRET, "link", task.id),
        file_url(service, task, "modular", link=True).rpartition("t=")[2],
        sign(SECRET, "bundle", token.partition(".")[0]),
    ):
        assert stranger.get(f"/share/{token.partition('.')[0]}.{made}").status_code == 404


WRONG: tuple[Callable[[str], str], ...] = (
    lambda token: token[:-1] + ("0" if token[-1] != "0" else "1"),
    lambda token: ("A" if token[0] != "A" else "B") + token[1:],
    lambda token: token.partition(".")[0],
    lambda token: token.partition(".")[0] + ".",
    lambda token: "." + token.partition(".")[2],
    lambda token: token.upper(),
    lambda token: token + "0",
    lambda token: "x",
    lambda token: "%00",
    lambda token: "é" * 40,
    lambda token: f"..%2f{token}",
)


def test_a_wrong_link_opens_nothing(service: Service, app: Starlette) -> None:
    task = finished(service)
    right = link_to(service, task).rpartition("/")[2]
    for token in (wrong(right) for wrong in WRONG):
        for key in (None, MINE):
            answer = client(app, key).get(f"/share/{token}")
            assert answer.status_code == 404, token
            assert task.id not in answer.text and "my dance" not in answer.text
            assert client(app, key).get(f"/share/{token}/{task.id}/film").status_code == 404


BESIDE = (
    "{other}/film",
    "{task}/film/",
    "{task}/../{other}/film",
    "{task}/..%2f..%2f..%2ftask_status.json",
    "..%2f..%2f.secret/film",
    "{task}%00/film",
    "nothing/film",
    "{task}/poster",
    "{task}",
    "a/b/c/d",
)


def test_a_link_opens_nothing_beside_its_films(service: Service, app: Starlette) -> None:
    task, other = finished(service), finished(service)
    path, owner = link_to(service, task), client(app)
    for below in BESIDE:
        address = f"{path}/{below.format(task=task.id, other=other.id)}"
        assert owner.get(address, follow_redirects=False).status_code == 404, below
    assert owner.get("/share/").status_code == 404


def test_a_link_ends(service: Service, app: Starlette) -> None:
    now, stranger = datetime.now(UTC), client(app, None)
    one, two = finished(service), finished(service)
    day = link_to(service, one, ends=now + timedelta(days=1))
    over = link_to(service, one, ends=now - timedelta(seconds=1))
    both = link_to(service, one, two)
    later = link_to(service, two)

    def status(path: str, task: TaskRecord) -> tuple[int, int]:
        page, film = stranger.get(path), stranger.get(f"{path}/{task.id}/film")
        return page.status_code, film.status_code

    assert status(day, one) == (200, 200)
    assert status(over, one) == (404, 404), "its time is over"
    assert status(both, one) == status(both, two) == (200, 200)
    shares.end_shares(service.store, [one.id])
    assert status(day, one) == (404, 404), "ended by its owner"
    assert status(both, one) == (200, 404), "the other film is still shown"
    assert len(films_of(stranger.get(both).text)) == 1
    assert status(later, two) == (200, 200)
    service.store.delete(two.id)
    assert status(both, two) == status(later, two) == (404, 404), "gone with the task"


def test_a_link_outlives_a_restart_and_other_links(service: Service, app: Starlette) -> None:
    task = finished(service)
    first, second = link_to(service, task), link_to(service, task)
    assert service.store.save_task_status()
    record = json.loads((service.settings.outputs / "task_status.json").read_text())[task.id]
    for path in (first, second):
        assert client(app, None).get(path).status_code == 200
        token = path.rpartition("/")[2]
        assert token not in json.dumps(record), "who reads the file has no link"
        assert token.partition(".")[0] in json.dumps(record)
    for _ in range(shares.MAX_SHARES):
        newest = link_to(service, task)
    assert client(app, None).get(first).status_code == 404, "the oldest ends"
    assert client(app, None).get(newest).status_code == 200
    assert len(service.tasks()[0].shares) == shares.MAX_SHARES


def test_what_a_person_made_of_the_record_opens_nothing(
    service: Service, app: Starlette, tmp_path: Path
) -> None:
    task = finished(service)
    (tmp_path / "secret.txt").write_text("secret")
    for broken in (
        "all",
        [1, None, "x"],
        [{"link": "a" * 22}],
        [{"link": "a" * 22, "kind": "modular", "ends": "soon"}],
        [{"link": "a" * 22, "kind": "modular", "ends": 7}],
        [{"link": "a" * 22, "kind": "original"}],
        [{"link": "a" * 22, "kind": "../../../secret.txt"}],
    ):
        service.store.update(task.id, {"shares": broken})
        path = f"/{share.share_url(service, 'a' * 22)}"
        assert client(app, None).get(path).status_code == 404, broken
    good = [{"link": "a" * 22, "kind": "modular"}]
    service.store.update(task.id, {"shares": good})
    assert client(app, None).get(path).status_code == 200
    service.store.update(task.id, {"modular_output": "../secret.txt"})
    assert client(app, None).get(path).status_code == 404
    assert client(app, None).get(f"{path}/{task.id}/film").status_code == 404


def test_a_name_is_shown_as_it_is_and_the_policy_holds_the_script(
    service: Service, app: Starlette
) -> None:
    task = finished(service)
    name = '"><script>alert(1)</script>&amp;.mp4'
    service.store.update(task.id, {"dance_name": name})
    answer = client(app, None).get(link_to(service, task))
    assert answer.text.count("<script") == 1, "ours"
    assert f"<h1>{html.escape(name)}</h1>" in answer.text
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy


ACCEPTED = {
    "zh-CN,zh;q=0.9,en;q=0.8": "zh",
    "en-US,en;q=0.9,zh;q=0.8": "en",
    "de-DE, zh-TW;q=0.5": "zh",
    "zh;q=0, en": "en",
    "en;q=0.3, zh;q=0.7": "zh",
    "de": "en",
    "": "en",
    ";q=, zh;q=x, *": "en",
}


def test_the_page_speaks_the_readers_language(service: Service, app: Starlette) -> None:
    path = link_to(service, finished(service))
    texts = {
        path: {"en": "Save video", "zh": "保存视频"},
        path[:-1]: {"en": "has ended", "zh": "已失效"},
    }
    for accepted, language in ACCEPTED.items():
        assert share.preferred(accepted) == language, accepted
        for address, text in texts.items():
            answer = client(app, None).get(address, headers={"accept-language": accepted})
            assert text[language] in answer.text
            assert f'lang="{"zh-CN" if language == "zh" else "en"}"' in answer.text
