"""A page whose server takes its time with a fragment's request, while a run of it all ends."""

from __future__ import annotations

import time
from typing import Any

import streamlit as st
from streamlit.runtime.app_session import AppSession

from ui.parts.live import live

take = AppSession.request_rerun


def take_late(session: AppSession, client_state: Any) -> None:
    if client_state is not None and client_state.fragment_id:
        time.sleep(1.5)  # the thread gets no processor
    take(session, client_state)


def first() -> None:
    st.write("The first is here")
    st.button("Draw the first")


run = st.session_state["run"] = st.session_state.get("run", 0) + 1
AppSession.request_rerun = take_late if run == 2 else take  # type: ignore[method-assign,assignment]
st.title("A held page")
st.button("Draw all")
live(None, first)
if run == 2:
    time.sleep(0.7)  # the request comes meanwhile
st.write(f"Below, in run {run}")
