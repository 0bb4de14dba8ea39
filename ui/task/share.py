"""A link by which others watch and save results: made, shown with its QR code, and ended."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import segno
import streamlit as st

from pipeline.tasks import shares
from pipeline.tasks.record import TaskRecord
from ui.components import load
from ui.parts import toasts
from ui.parts.viewer import Viewer
from ui.parts.without_routes import no_share, without_routes
from ui.routes.share import share_of, share_url
from ui.service import Service
from ui.table import actions
from ui.web.origin import is_loopback
from ui.words.names import shown_name
from ui.words.text import current, t

log = logging.getLogger(__name__)

_LINK = load("link")
WORDS = ("address", "copy", "copied", "send", "code", "ends_day")
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
_UNTIL = "share.until"
_NAMED = 5
"""So many films are named; the others are counted."""

Kinds = Mapping[str, str]
"""By task's id, which of its results is shown."""


@without_routes(no_share)
def show_share(
    service: Service, viewer: Viewer, tasks: Sequence[TaskRecord], kind: str | None = None
) -> None:
    """A button that opens the dialog for these tasks; ``kind`` is the result, the best without.

    The page draws the dialog by :func:`show_share_dialog`.
    """
    ids = [task.id for task in tasks if task.status == "success" and task.results]
    if ids:
        st.button(
            t("share.button"),
            icon=":material/link:",
            key=f"share-{ids[0]}",
            type="tertiary",
            on_click=actions.ask_share,
            args=(ids, kind),
        )


def show_share_dialog(service: Service, viewer: Viewer) -> None:
    """The dialog, while somebody has asked for it; it stands until it is closed.

    Its parts act in callbacks: the page may be drawn anew under it, as when a task ends.
    """
    if not actions.share_asked():
        return

    @st.dialog(t("share.title"), on_dismiss=actions.answer_share)
    def dialog() -> None:
        if toasts.waiting():
            st.rerun()
        asked = actions.share_asked()
        tasks = [task for one in asked if (task := viewer.task(service, one)) and task.results]
        if tasks:
            _show(service, viewer, tasks, {task.id: _kind(task, asked[task.id]) for task in tasks})
        else:
            st.write(t("share.gone"))

    dialog()


def _kind(task: TaskRecord, asked: str | None) -> str:
    return asked if asked in task.results else task.best or task.results[0]


def _show(service: Service, viewer: Viewer, tasks: Sequence[TaskRecord], kinds: Kinds) -> None:
    many = len(tasks) > 1
    if is_loopback(urlsplit(st.context.url or "").hostname):
        st.info(t("share.here_only"), icon=":material/info:")
    st.write(t("share.what_many", n=len(tasks)) if many else t("share.what"))
    for task in tasks[:_NAMED]:
        st.text(f"• {shown_name(task.dance_name)}")
    if len(tasks) > _NAMED:
        st.text("• …")
    now = datetime.now(UTC)
    link = common_link(service.tasks(), kinds, now)
    known = any(shares.live(task.shares, now) for task in tasks)
    if link is None:
        if service.settings.keep_hours * HOUR > DAY:  # else the task goes before a day is over
            st.segmented_control(
                t("share.until"),
                ["task", "day"],
                default=None if _UNTIL in st.session_state else "task",
                format_func=lambda until: t(f"share.until_{until}"),
                key=_UNTIL,
                required=True,
            )
        st.button(
            t("share.make"),
            key="share.make",
            type="primary",
            on_click=_make,
            args=(service, viewer, kinds),
        )
    else:
        _address(service, tasks[0], link, now)
    if known:
        others = any(
            share.link != link for task in tasks for share in shares.live(task.shares, now)
        )
        if others:
            st.caption(t("share.others"))
        st.button(
            t("share.end_others" if link is None else "share.end"),
            key="share.end",
            icon=":material/link_off:",
            on_click=_end,
            args=(service, viewer, list(kinds)),
        )


def common_link(tasks: Sequence[TaskRecord], kinds: Kinds, now: datetime) -> str | None:
    """The newest link that shows these results of ``tasks`` and no others; None without one."""
    shown: dict[str, dict[str, str]] = {}
    for task in tasks:
        for share in shares.live(task.shares, now):
            shown.setdefault(share.link, {})[task.id] = share.kind
    return next((link for link in reversed(shown) if shown[link] == kinds), None)


def _address(service: Service, task: TaskRecord, link: str, now: datetime) -> None:
    """The address as this visitor's browser reaches the page, whatever proxy is in between."""
    address = f"{(st.context.url or '').rstrip('/')}/{share_url(service, link)}"
    code = segno.make(address, error="m", micro=False)
    share = share_of(task, link, now)
    ends = share.ends if share is not None else None
    words = {name: t(f"share.{name}") for name in WORDS}
    words["ends_task"] = t("share.ends_task", hours=f"{service.settings.keep_hours:g}")
    _LINK(
        key="share.link",
        data={
            "words": words,
            "address": address,
            "code": code.svg_data_uri(scale=4, dark="#000", light="#fff"),
            "ends": ends.isoformat() if ends is not None else "",
            "language": current(),
        },
    )


def _make(service: Service, viewer: Viewer, kinds: Kinds) -> None:
    """Make a link; a callback. What may not be seen by now is not shared."""
    now = datetime.now(UTC)
    able = {one: kind for one, kind in kinds.items() if viewer.task(service, one) is not None}
    ends = now + DAY if st.session_state.get(_UNTIL) == "day" else None
    try:
        shares.add_share(service.store, able, ends, now)
    except Exception:  # the disk is full, or a task has gone at this moment
        log.exception("cannot make a link to %s", ", ".join(able))
        toasts.toast(t("share.not_saved"), icon=":material/warning:")


def _end(service: Service, viewer: Viewer, ids: Sequence[str]) -> None:
    """End every link to these tasks; a callback."""
    able = [one for one in ids if viewer.task(service, one) is not None]
    try:
        shares.end_shares(service.store, able)
    except Exception:
        log.exception("cannot end the links to %s", ", ".join(able))
        toasts.toast(t("share.not_saved"), icon=":material/warning:")
    else:
        toasts.toast(t("share.ended"), icon=":material/link_off:")
