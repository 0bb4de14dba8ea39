"""Logging in and out, where the server is set up for it (``[auth]`` in Streamlit's secrets)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from ui.web.visitor import visitor_name
from ui.words.names import plain
from ui.words.text import t


@dataclass(frozen=True)
class Login:
    """Who has logged in, by the provider's claims."""

    name: str
    """The visitor's name for new tasks."""
    earlier: frozenset[str]
    """Names under which an earlier release kept this person's tasks."""
    ids: frozenset[str]
    """What a setting may call this person: a verified address, ``iss`` and ``sub``."""


def login_of(claims: Mapping[str, Any], *, providers: int) -> Login | None:
    """The person behind an ID token's claims; None when they name nobody for certain.

    Only ``iss`` and ``sub`` together are unique and never given to another person (OpenID Connect
    Core 1.0, section 5.7); an address counts where the provider has verified it. Earlier releases
    went by the address, or by ``sub`` where there was none, which only means one person while
    there is one of ``providers``.
    """
    issuer, subject, email = (str(claims.get(key) or "") for key in ("iss", "sub", "email"))
    earlier: set[str] = set()
    ids: set[str] = set()
    if email and str(claims.get("email_verified")).lower() == "true":
        earlier.add(visitor_name(f"login:{email}"))
        ids.add(email)
    if subject and not email and providers == 1:
        earlier.add(visitor_name(f"login:{subject}"))
    if issuer and subject:
        ids.add(f"{issuer} {subject}")
        return Login(visitor_name(f"login:{issuer} {subject}"), frozenset(earlier), frozenset(ids))
    if not ids:
        return None
    return Login(visitor_name(f"login:{email}"), frozenset(), frozenset(ids))


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
        who = plain(str(st.user.get("name") or st.user.get("email") or ""))
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
