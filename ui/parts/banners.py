"""Banners above the page: what is wrong with the service, and what to do about it."""

from __future__ import annotations

import shutil

import streamlit as st

from store import Snapshot
from ui.service import Service
from ui.words.format import size
from ui.words.text import has, t

LOW_DISK_BYTES = 2_000_000_000
"""With less free space the page warns."""


def show_banners(service: Service, snapshot: Snapshot) -> None:
    """A banner for each problem of the task file, for unsaved changes and for a full disk."""
    for code, detail in snapshot.problems.items():
        key = f"problem.{code}"
        st.warning(t(key) if has(key) else detail, icon=":material/warning:")
    if snapshot.unsaved and "not_saved" not in snapshot.problems:
        st.warning(t("problem.unsaved", n=len(snapshot.unsaved)), icon=":material/save:")
    free = free_space(service)
    if free is not None and free < LOW_DISK_BYTES:
        st.warning(t("problem.disk", free=size(free)), icon=":material/hard_drive:")
    if (trouble := worker_trouble(service)) is not None:
        st.error(t(trouble), icon=":material/warning:")


def free_space(service: Service) -> int | None:
    """Free bytes where the outputs are; None when the folder cannot be asked."""
    try:
        return shutil.disk_usage(service.settings.outputs).free
    except OSError:
        return None


def worker_trouble(service: Service) -> str | None:
    """The key of the text that says why tasks do not begin; None where they do."""
    health = service.runner.health()
    if health["alive"] < health["workers"]:
        return "problem.workers"
    if health["trouble"]:
        return "problem.broker"
    return None if health["workers"] else "problem.no_workers"
