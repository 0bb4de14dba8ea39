"""Formats sizes, durations, times and dates for people."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pandas as pd
import streamlit as st

from ui.words.text import t

LEAST_MS = 0.1
"""A smaller difference is shown as less than this."""
KILO = 1000
MINUTE_SECONDS, HOUR_SECONDS = 60, 3600
WHOLE_MS, SECOND_MS = 9.95, 999.5
"""From here on milliseconds are shown without a decimal, and as seconds."""


def moments(values: Iterable[datetime | None]) -> pd.Series[pd.Timestamp]:
    """Moments as a column of the table, in UTC; missing ones are empty."""
    return pd.Series(list(values), dtype="datetime64[us, UTC]")


def viewers_zone() -> ZoneInfo:
    """The time zone of the viewer's browser; UTC where it names none that is known."""
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):  # a name that is no file's
        return ZoneInfo("UTC")


def moment(value: datetime | None, now: datetime, zone: ZoneInfo) -> str:
    """A moment as ``Today 14:05``, ``11-25 14:05``, or with its year; empty for none."""
    if value is None:
        return ""
    there, today = value.astimezone(zone), now.astimezone(zone)
    if there.date() == today.date():
        return t("time.today", time=f"{there:%H:%M}")
    return f"{there:%m-%d %H:%M}" if there.year == today.year else f"{there:%Y-%m-%d %H:%M}"


def size(count: float | None) -> str:
    """Bytes in decimal units, as phones show them."""
    if count is None:
        return ""
    for unit in ("B", "kB", "MB", "GB"):
        if count < KILO or unit == "GB":
            return f"{count:.0f} {unit}" if unit in {"B", "kB"} else f"{count:.1f} {unit}"
        count /= KILO
    raise AssertionError("unreachable")


def duration(seconds: float | None) -> str:
    """Seconds as ``42 s``, ``3 min 05 s`` or ``1 h 10 min``."""
    if seconds is None:
        return ""
    whole = round(seconds)
    if whole < MINUTE_SECONDS:
        return t("time.s", s=whole)
    if whole < HOUR_SECONDS:
        return t("time.min", m=whole // 60, s=f"{whole % 60:02d}")
    return t("time.h", h=whole // 3600, m=f"{whole % 3600 // 60:02d}")


def clock(seconds: float) -> str:
    """A place on a time line: ``1:23.4``."""
    tenths = round(abs(seconds) * 10)
    sign = "-" if seconds < 0 and tenths else ""
    return f"{sign}{tenths // 600}:{tenths % 600 / 10:04.1f}"


def milliseconds(value: float | None) -> str:
    """Milliseconds without false precision; as seconds from one second on."""
    if value is None:
        return ""
    if abs(value) < LEAST_MS:
        return t("time.ms", ms=f"< {LEAST_MS:g}")
    if abs(value) >= SECOND_MS:
        return t("time.s", s=f"{value / KILO:.1f}")
    return t("time.ms", ms=f"{value:.1f}" if abs(value) < WHOLE_MS else f"{value:.0f}")
