"""Logging in and out, where the server is set up for it (``[auth]`` in Streamlit's secrets)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from ui.text import t


def providers() -> list[str | None]:
    """The identity providers that can be chosen; None is the unnamed one."""
    if not st.secrets.load_if_toml_exists():
        return []
    auth: Mapping[str, Any] = st.secrets.get("auth", {})
    named = [name for name, value in auth.items() if isinstance(value, Mapping)]
    return [None, *named] if "client_id" in auth else list(named)


def show_login() -> None:
    """A button for each provider, or the one to log out."""
    found = providers()
    if not found:
        return
    if getattr(st.user, "is_logged_in", False):
        who = str(st.user.get("name") or st.user.get("email") or "")
        st.button(
            t("login.out"), icon=":material/logout:", key="login.out", help=who, on_click=st.logout
        )
        return
    for name in found:
        label = t("login.in") if name is None else t("login.in_by", name=name)
        st.button(
            label,
            icon=":material/login:",
            key=f"login.{name}",
            on_click=st.login,
            args=() if name is None else (name,),
        )
