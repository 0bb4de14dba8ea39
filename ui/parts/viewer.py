"""Who looks at the page, and which tasks they may see."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import streamlit as st
from starlette.datastructures import Headers

from pipeline.tasks.record import TaskRecord
from ui.components import load
from ui.parts.login import login_of, providers
from ui.routes.bundle import bundle_url
from ui.routes.files import file_url, may_see
from ui.service import Service
from ui.web.origin import is_local
from ui.web.visitor import checked_key, cookie_key, new_key, signed_key, visitor_name

_KEEP = load("visitor")
_KEY, _KEEPER, _FRESH = "key", "visitor", "viewer.fresh"


@dataclass(frozen=True)
class Viewer:
    """A browser or login, by the name made from its key."""

    name: str | None
    by: Literal["login", "cookie", "browser", "nothing"]
    browser: str | None = None
    """The name by the cookie alone, which is how the upload route knows this browser."""
    earlier: frozenset[str] = frozenset()
    """Other names of a login, under which an earlier release kept its tasks."""
    operator: bool = False
    """Whether the state of the service is shown: on this machine, or to a login that is named."""

    def may_see(self, service: Service, task: TaskRecord) -> bool:
        """Whether this viewer may see the task, its files and its actions."""
        return may_see(service, task, self.name) or task.visitor in self.earlier

    def task(self, service: Service, task_id: str) -> TaskRecord | None:
        """The task with its details, if this viewer may see it."""
        task = service.task(task_id)
        return task if task is not None and self.may_see(service, task) else None

    def visible(self, service: Service, tasks: Iterable[TaskRecord]) -> list[TaskRecord]:
        """The tasks that this viewer may see, in the same order."""
        return [task for task in tasks if self.may_see(service, task)]

    def url(self, service: Service, task: TaskRecord, kind: str, **query: str) -> str:
        """The address of one of the task's files, which this viewer can open."""
        return file_url(service, task, kind, link=self._by_links(service), **query)

    def bundle_url(self, service: Service, tasks: Iterable[TaskRecord]) -> str:
        """The address of the tasks' results in one ZIP, which this viewer can open."""
        return bundle_url(service, [task.id for task in tasks], link=self._by_links(service))

    def _by_links(self, service: Service) -> bool:
        """Whether the routes cannot know this viewer and need signed links."""
        return service.private and self.by == "login"


def from_this_machine() -> bool:
    """Whether this session was opened on the server's machine, as far as it shows."""
    headers = Headers(st.context.headers.to_dict())
    return not headers or is_local(_address(), headers)


def _address() -> str:
    """Where this session comes from. Streamlit gives no address for a peer on this machine, and a
    test has no request at all."""
    return (st.context.headers.to_dict() and st.context.ip_address) or "localhost"


def _is_operators(service: Service) -> bool:
    """Whether this session is the operator's, by where it comes from.

    Once there were visitors from elsewhere, the session's own request decides, unless a setting
    says that there is a proxy: behind one that adds no headers strangers look like this machine.
    """
    if not service.exposed.is_set():
        return True
    proxied = service.settings.visibility == "private" or service.settings.public_url
    return not proxied and from_this_machine()


def current_viewer(service: Service) -> Viewer:
    """The viewer of this session: a login first, then the cookie, then a key that it keeps itself.

    Without our routes nothing can set a cookie; where tasks are private there, a component keeps
    the key. One in the address, as earlier releases kept it, is taken over, and leaves the address
    once the browser keeps it.
    """
    key = cookie_key(Headers(st.context.headers.to_dict()), service)
    browser = visitor_name(key) if key is not None else None
    here = _is_operators(service)
    if getattr(st.user, "is_logged_in", False):
        login = login_of(st.user.to_dict(), providers=len(providers()))
        if login is not None:
            named = {name.strip() for name in service.settings.operators.split(",")}
            operator = here or not named.isdisjoint(login.ids)
            return Viewer(
                name=login.name,
                by="login",
                browser=browser,
                earlier=login.earlier,
                operator=operator,
            )
    if browser is not None:
        return Viewer(browser, "cookie", browser, operator=here)
    given = st.query_params.get(_KEY)
    kept = st.session_state.get(_KEEPER, {}).get("kept")
    key = checked_key(given, service) or checked_key(kept, service)
    fresh = key is None and st.session_state.get(_FRESH, True)
    key = key or checked_key(st.session_state.get(_KEY), service)
    # Not before the browser has it: the connection may be lost in between.
    if given is not None and (key is None or kept == st.session_state.get(_KEY)):
        st.query_params.pop(_KEY)
    if key is None and service.private:
        key = new_key(_address(), service.secret)
    if key is None:
        return Viewer(None, "nothing", operator=here)
    st.session_state[_KEY] = signed_key(key, service.secret)
    st.session_state[_FRESH] = fresh
    if service.private:
        _KEEP(
            key=_KEEPER,
            data={"key": st.session_state[_KEY], "fresh": fresh, "moves": given is not None},
            on_kept_change=lambda: None,
        )
    return Viewer(visitor_name(key), "browser", operator=here)
