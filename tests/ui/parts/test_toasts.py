"""Toasts: one that a run did not come to show waits for the next."""

from __future__ import annotations

from typing import Any

import pytest
import streamlit as st

from ui.parts import toasts


class BrokenOff(BaseException):
    """What Streamlit raises inside a command of a run that a click ends."""


def test_a_run_that_is_broken_off_loses_no_toast(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []

    def show(text: str, **how: Any) -> None:
        if text == "second" and "second" not in broken_at:
            broken_at.append(text)
            raise BrokenOff
        shown.append(text)

    broken_at: list[str] = []
    monkeypatch.setattr(st, "session_state", {})
    monkeypatch.setattr(st, "toast", show)
    for text in ("first", "second"):
        toasts.toast(text)
    with pytest.raises(BrokenOff):
        toasts.show_toasts()
    assert toasts.waiting()
    shown.clear()
    toasts.show_toasts()
    assert shown == ["first", "second"], "each in its place"
    assert not toasts.waiting()
    toasts.toast("third")
    toasts.show_toasts()
    assert shown[2:] == ["first", "second", "third"], "behind what was shown a moment ago"
    shown.clear()
    toasts.show_toasts()
    assert shown == ["first", "second", "third"], "the browser may not have drawn the run before"
    monkeypatch.setattr(toasts, "KEPT_SECONDS", 0.0)
    toasts.show_toasts()
    assert len(shown) == 3, "what was seen is not given again"
