"""A page whose server is late: what a full run says is not sent before a fragment runs again."""

from __future__ import annotations

import time

import streamlit as st
from streamlit.runtime import get_instance

from ui.parts.live import live


def first() -> None:
    st.session_state["times"] = st.session_state.get("times", 0) + 1
    st.write(f"The first was drawn {st.session_state['times']} times")
    st.button("Draw the first")


def second() -> None:
    st.write("The second is here")
    st.button("Draw the second")


run = st.session_state["run"] = st.session_state.get("run", 0) + 1
st.title("A late page")
st.button("Draw all")
if run > 1:  # the thread that sends has something else to do for a while
    get_instance()._get_async_objs().eventloop.call_soon_threadsafe(time.sleep, 1.0)
live(None, first)
with st.container(border=True):
    st.write(f"Below, in run {run}")
    live(None, second)
    st.write("The end")
if run > 1:
    time.sleep(0.6)
