"""Handing files in: dance videos and a reference, checked as they land; one button."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import streamlit as st

from pipeline.reasons import JobError
from pipeline.tasks.submit import FILM_ENDINGS, SOUND_ENDINGS, submit
from store import StoreError, Task
from ui.assets import SAMPLE
from ui.components import load
from ui.incoming import uploads
from ui.incoming.limits import has_room
from ui.incoming.taking import remove_upload
from ui.incoming.uploads import Upload
from ui.parts import toasts
from ui.parts.live import live
from ui.parts.viewer import Viewer
from ui.parts.without_routes import uploaders, without_routes
from ui.service import Service
from ui.table import actions
from ui.upload import checks, inspection
from ui.words.names import plain, shown_name
from ui.words.text import has, t

log = logging.getLogger(__name__)

_UPLOADER = load("uploader")
CHECKING_SECONDS = 1.0
_ROUND = "upload.round"
_KEPT = "upload.kept"
_UNFINISHED = "upload.unfinished"
_CLICKED = "upload.clicked"
_BLOCKED = "upload.blocked"
"""That a proxy lets none of this session's uploads reach the upload route."""
_VISIT = "upload.visit"
"""A name for this session: the same page in the browser may outlive it."""
WORDS = (
    "dance", "dance_hint", "reference", "reference_hint", "choose", "drop", "remove", "waiting",
    "choose_one", "drop_one", "uploading", "resuming", "done", "failed", "too_large", "too_many",
    "disk_full", "left", "retry", "interrupted", "formats",
)  # fmt: skip


@dataclass(frozen=True)
class Picked:
    """What the viewer has uploaded so far."""

    dances: Sequence[Upload]
    reference: Upload | None
    left_out: Sequence[Upload] = ()
    """Files that are known to be of no use."""

    @property
    def files(self) -> list[Upload]:
        """All of them."""
        return [*self.dances, *([self.reference] if self.reference else []), *self.left_out]


def usable(dances: Sequence[Upload], reference: Upload | None) -> Picked:
    """What can be handed in, and what is left out."""
    given = [one for one in (*dances, reference) if one is not None]
    left_out = [one for one in given if inspection.refusal(one)]
    return Picked(
        [one for one in dances if one not in left_out],
        None if reference in left_out else reference,
        left_out,
    )


def _show_stock(service: Service, viewer: Viewer) -> None:
    if st.session_state.get(_BLOCKED):
        st.info(t("upload.blocked"), icon=":material/cloud_off:")
    picked = usable(*uploaders(service, viewer))
    _do_asked(service, viewer, picked)
    _buttons(picked)


@without_routes(_show_stock)
def show_upload(service: Service, viewer: Viewer) -> None:
    """The uploaders, what was found in the files, and the button."""
    if viewer.browser is None or st.session_state.get(_BLOCKED):
        _show_stock(service, viewer)
        return
    checking = _checking(_component_files(service, viewer))
    live(CHECKING_SECONDS if checking else None, _routed, service, viewer, checking)


def _checking(picked: Picked) -> bool:
    """Whether something may yet turn out about these files."""
    compared = not checks.unfinished(picked.dances, picked.reference)
    return not compared or inspection.unfinished(picked.files)


def _key() -> str:
    return f"uploader-{st.session_state.get(_ROUND, 0)}"


def _kept(service: Service, browser: str) -> list[dict[str, Any]]:
    """What this browser had uploaded when the page was opened: a reload loses no file."""
    if _KEPT not in st.session_state:
        st.session_state[_KEPT] = [
            {"id": one.uid, "name": one.name, "size": one.size, "role": one.role}
            for one in uploads.waiting_uploads(service, browser)
        ]
    kept: list[dict[str, Any]] = st.session_state[_KEPT]
    return kept if not st.session_state.get(_ROUND) else []


def _unfinished(service: Service, browser: str) -> list[dict[str, Any]]:
    """What had arrived in part when the page was opened, which the same file would go on with."""
    if _UNFINISHED not in st.session_state:
        st.session_state[_UNFINISHED] = [
            asdict(one) for one in uploads.unfinished_uploads(service, browser)
        ]
    found: list[dict[str, Any]] = st.session_state[_UNFINISHED]
    return found if not st.session_state.get(_ROUND) else []


def _component_files(service: Service, viewer: Viewer) -> Picked:
    return _picked(service, viewer, st.session_state.get(_key(), {}).get("files"))


def _routed(service: Service, viewer: Viewer, was_checking: bool) -> None:
    known = inspection.facts_of(_component_files(service, viewer).files)
    assert viewer.browser is not None  # noqa: S101 - asked for before
    visit = st.session_state.setdefault(_VISIT, uuid.uuid4().hex)
    result = _UPLOADER(
        key=_key(),
        data={
            "words": {
                **{name: t(f"upload.{name}") for name in WORDS},
                "formats": t("upload.formats", size=_limit(service.settings.max_upload_mb)),
                "too_many": t(
                    "upload.too_many",
                    n=service.settings.uploads_per_visitor,
                    gb=f"{service.settings.uploads_gb_per_visitor:g}",
                ),
            },
            # Relative: a proxy may serve the page under a path.
            "url": f"{uploads.URL}/".lstrip("/"),
            "token": uploads.upload_token(service, viewer.browser),
            "header": uploads.TOKEN_HEADER,
            "max": service.settings.max_upload_mb * 1024 * 1024,
            "accept": {
                # Endings alone hide a phone's camera roll.
                "dance": ",".join(("video/*", *(f".{x}" for x in FILM_ENDINGS))),
                "reference": ",".join(
                    ("audio/*", "video/*", *(f".{x}" for x in (*SOUND_ENDINGS, *FILM_ENDINGS)))
                ),
            },
            "facts": known,
            "kept": _kept(service, viewer.browser),
            "unfinished": _unfinished(service, viewer.browser),
            "round": f"{visit}-{_key()}",
            "visit": visit,
        },
        default={"files": None, "blocked": False},
        on_files_change=lambda: None,
        on_blocked_change=lambda: None,
    )
    if result.blocked:
        log.warning("the uploads of a visitor do not reach the upload route: a proxy stops them")
        st.session_state[_BLOCKED] = True
        st.rerun()
    picked = _picked(service, viewer, result.files)
    _do_asked(service, viewer, picked)
    if _checking(picked) != was_checking:
        st.rerun()
    _buttons(picked, coming=isinstance(result.files, dict) and bool(result.files.get("coming")))


def _limit(mb: int) -> str:
    """The largest file, in the unit in which the setting is a round number."""
    return f"{mb // 1024} GB" if mb % 1024 == 0 else f"{mb} MB"


def _picked(service: Service, viewer: Viewer, files: Any) -> Picked:
    """The uploads that the component names and that are whole on the disk."""

    def find(given: Any, role: str) -> Upload | None:
        uid = given.get("id") if isinstance(given, dict) else None
        if not isinstance(uid, str) or viewer.browser is None:
            return None
        found = uploads.find_upload(service, viewer.browser, uid)
        return replace(found, role=role) if found else None

    if not isinstance(files, dict):
        return Picked((), None)
    given = files.get("dance")
    dances = (
        [found for one in given if (found := find(one, "dance"))] if isinstance(given, list) else []
    )
    return usable(dances, find(files.get("reference"), "reference"))


def _buttons(picked: Picked, *, coming: bool = False) -> None:
    """``coming``: whether files are on their way, of which nothing else is known here."""
    count = len(picked.dances)
    ready = count > 0 and picked.reference is not None
    with st.container(horizontal=True, vertical_alignment="center", key="upload-buttons"):
        st.button(
            t("upload.start_many", n=count) if count > 1 else t("upload.start"),
            type="primary",
            icon=":material/music_note:",
            disabled=not ready,
            key="upload.start",
            on_click=_ask,
            args=("start",),
        )
        st.button(
            t("upload.sample"),
            type="tertiary",
            key="upload.sample",
            on_click=_ask,
            args=("sample",),
        )
        if coming or not ready:
            st.caption(t("upload.coming" if coming else _missing(picked)))
    if picked.left_out:
        names = ", ".join(plain(shown_name(one.name)) for one in picked.left_out)
        st.caption(t("upload.left_out", names=names))
    same = checks.same_files(picked.dances, picked.reference)
    if same:
        names = ", ".join(plain(shown_name(one.name)) for one in same)
        other = plain(shown_name(picked.reference.name)) if picked.reference else ""
        st.warning(t("upload.same_file", dance=names, reference=other), icon=":material/file_copy:")


def _missing(picked: Picked) -> str:
    if picked.dances:
        return "upload.missing_reference"
    return "upload.missing_dance" if picked.reference is not None else "upload.missing_both"


def _ask(what: str) -> None:
    # Noted by a callback: a tick that redraws the page at this moment cannot swallow a click.
    st.session_state[_CLICKED] = what


def _do_asked(service: Service, viewer: Viewer, picked: Picked) -> None:
    asked = st.session_state.pop(_CLICKED, None)
    # A place that is always there: what is below it keeps its position in every run.
    with st.container():
        if asked == "start" and picked.dances and picked.reference is not None:
            _start(service, viewer, picked)
        elif asked == "sample":
            _sample(service, viewer)


def _start(service: Service, viewer: Viewer, picked: Picked) -> None:
    """One task for each dance; what cannot be handed in stays where it is, with the reason."""
    assert picked.reference is not None  # noqa: S101 - asked for before
    last: Task | None = None
    for number, dance in enumerate(picked.dances, 1):
        try:
            last = submit(
                service.store,
                service.settings,
                dance.path,
                picked.reference.path,
                dance_name=dance.name,
                reference_name=picked.reference.name,
                visitor=viewer.name,
                move=True,
                keep_reference=number < len(picked.dances),
            )
        except (JobError, StoreError, OSError) as error:
            why = _why_not(error, dance.path)
            name = plain(shown_name(dance.name))
            st.error(t("text.says", who=name, what=why), icon=":material/warning:")
            return
    for one in picked.files:
        remove_upload(service, one.path)
    _handed_in(service, last, len(picked.dances))


def _why_not(error: Exception, what: object) -> str:
    """Why something was not handed in, for the visitor; the log has all of it."""
    reason = getattr(error, "reason", None)
    log.warning("cannot hand in %s: %s", what, error, exc_info=reason is None)
    return t(f"reason.{reason}") if has(f"reason.{reason}") else t("upload.not_stored")


def _handed_in(service: Service, task: Task | None, count: int) -> None:
    service.runner.wake()
    st.session_state[_ROUND] = st.session_state.get(_ROUND, 0) + 1
    if task is not None and count == 1:
        actions.open_task(task.id)
    else:  # the list tells how they go on
        toasts.toast(t("upload.handed_in", n=count), icon=":material/movie:")
    st.rerun()


def _sample(service: Service, viewer: Viewer) -> None:
    dance, reference = SAMPLE
    size = dance.stat().st_size + reference.stat().st_size
    if viewer.name and not has_room(service, viewer.name, size):
        st.error(t("reason.too_many_tasks"), icon=":material/warning:")
        return
    try:
        task = submit(
            service.store,
            service.settings,
            dance,
            reference,
            dance_name=t("upload.sample_dance") + dance.suffix,
            reference_name=t("upload.sample_reference") + reference.suffix,
            visitor=viewer.name,
        )
    except (JobError, StoreError, OSError) as error:
        st.error(_why_not(error, "the sample pair"), icon=":material/warning:")
        return
    _handed_in(service, task, 1)
