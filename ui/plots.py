"""The alignment for the eye: waveforms on one time line, the correlation curve, drift."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from store import Task
from store.model import is_task_id
from ui import rows
from ui.format import clock, milliseconds
from ui.service import Service
from ui.text import t

_LEGEND = alt.Legend(orient="top")
_COLOURS = ["#c83349", "#2a78d6"]
"""Told apart by people who confuse red and green, on light and on dark."""
RUNNER_UP_APART = 0.5
"""Seconds from the peak beyond which another one is the runner-up."""


def show_plots(service: Service, task: Task) -> None:
    """The three plots and the figures behind them."""
    segments = segments_of(task)
    if segments:
        longest = max(segments, key=lambda s: s["dance_end"] - s["dance_start"])
        with st.container(horizontal=True):
            st.metric(t("plot.offset"), f"{longest['offset']:+.4f} s")
            st.metric(t("plot.speed"), f"{longest['speed']:.6f}")
            st.metric(t("plot.confidence"), f"{rows.confidence(task) or 0.0:.0%}")
            st.metric(t("plot.agreement"), milliseconds(rows.agreement_ms(task)) or "–")
    evidence = _evidence(service, task)
    _waveforms(evidence, segments)
    curves = evidence.get("variants") or {}
    for method in ("modular", "v2"):
        curve = curves.get(method)
        if isinstance(curve, Mapping) and curve.get("offsets"):
            _correlation(method, curve)
    if segments:
        _drift(segments)


def segments_of(task: Task) -> list[dict[str, float]]:
    """The matched parts with usable figures (seconds)."""
    given: Any = rows.answer(task).get("segments")
    found = []
    for one in given if isinstance(given, list) else ():
        values = (
            {
                name: rows.number(one.get(name))
                for name in ("dance_start", "dance_end", "offset", "speed")
            }
            if isinstance(one, Mapping)
            else {}
        )
        if values and all(value is not None for value in values.values()):
            found.append({name: value for name, value in values.items() if value is not None})
    return found


def _evidence(service: Service, task: Task) -> Mapping[str, Any]:
    if not is_task_id(task.id):
        return {}
    path = service.settings.outputs / "results" / task.id / "evidence.json"
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, Mapping) else {}


def _waveforms(evidence: Mapping[str, Any], segments: Sequence[Mapping[str, float]]) -> None:
    """Both sounds on the dance's time line; above the line the dance, below it the reference."""
    waves = evidence.get("waveforms")
    if not isinstance(waves, Mapping):
        return
    offset = segments[0]["offset"] if segments else 0.0
    speed = segments[0]["speed"] if segments else 1.0
    layers = []
    for kind, sign in (("dance", 1.0), ("reference", -1.0)):
        wave = waves.get(kind) or {}
        peaks = [max(-a, b) for a, b in zip(wave.get("low", ()), wave.get("high", ()), strict=True)]
        if not peaks:
            continue
        step = float(wave["duration"]) / len(peaks)
        times = [i * step for i in range(len(peaks))]
        if kind == "reference":
            # The reference's own time, put on the dance's line.
            times = [(at - offset) / speed for at in times]
        loudest = max([*peaks, 1e-9])
        layers.append(
            pd.DataFrame(
                {
                    "time": times,
                    "level": [sign * value / loudest for value in peaks],
                    "zero": 0.0,
                    "file": t("variant.original") if sign > 0 else t("column.reference"),
                }
            )
        )
    if not layers:
        return
    waves_chart = (
        alt.Chart(pd.concat(layers))
        .mark_area(opacity=0.85)
        .encode(
            x=alt.X("time:Q", title=t("plot.time")),
            y=alt.Y("level:Q", title=None, axis=None),
            y2="zero:Q",
            color=alt.Color("file:N", title=None, legend=_LEGEND, scale=alt.Scale(range=_COLOURS)),
        )
    )
    chart: alt.Chart | alt.LayerChart | alt.FacetChart = waves_chart
    if segments:
        parts = pd.DataFrame(segments)
        matched = (
            alt.Chart(parts)
            .mark_rect(opacity=0.15, color="green")
            .encode(x="dance_start:Q", x2="dance_end:Q")
        )
        chart = alt.layer(matched, waves_chart)
    st.altair_chart(
        chart.properties(height=240, title=t("plot.waveforms")).interactive(bind_y=False),
        alt=t("plot.waveforms_alt", parts=_parts(segments)),
    )


def _parts(segments: Sequence[Mapping[str, float]]) -> str:
    return ", ".join(f"{clock(s['dance_start'])}–{clock(s['dance_end'])}" for s in segments)


def _correlation(method: str, curve: Mapping[str, Any]) -> None:
    frame = pd.DataFrame({"offset": curve["offsets"], "score": curve["scores"]}).dropna()
    if frame.empty:
        return
    peak = frame.iloc[int(frame["score"].to_numpy().argmax())]
    others = frame[(frame["offset"] - peak["offset"]).abs() > RUNNER_UP_APART]
    marks = [{"offset": peak["offset"], "score": peak["score"], "what": t("plot.peak")}]
    if not others.empty:
        second = others.iloc[int(others["score"].to_numpy().argmax())]
        marks.append(
            {"offset": second["offset"], "score": second["score"], "what": t("plot.runner_up")}
        )
    title = t("plot.correlation", name=t(f"variant.{method}"))
    x = alt.X("offset:Q", title=t("plot.offset_axis"))
    y = alt.Y("score:Q", title=None)
    line = alt.Chart(frame).mark_line(strokeWidth=1).encode(x=x, y=y)
    points = (
        alt.Chart(pd.DataFrame(marks))
        .mark_point(filled=True, size=90)
        .encode(
            x=x,
            y=y,
            color=alt.Color("what:N", title=None, legend=_LEGEND, scale=alt.Scale(range=_COLOURS)),
            tooltip=["what:N", alt.Tooltip("offset:Q", format="+.3f"), "score:Q"],
        )
    )
    st.altair_chart(alt.layer(line, points).properties(height=240, title=title), alt=title)


def _drift(segments: Sequence[Mapping[str, float]]) -> None:
    """How far the reference runs away from the dance's clock (milliseconds)."""
    points = []
    base = segments[0]["offset"]
    for number, segment in enumerate(segments, 1):
        for at in (segment["dance_start"], segment["dance_end"]):
            moved = (segment["speed"] - 1.0) * at + segment["offset"] - base
            points.append({"time": at, "drift": 1000.0 * moved, "part": str(number)})
    st.altair_chart(
        alt.Chart(pd.DataFrame(points), title=t("plot.drift"))
        .mark_line(point=True)
        .encode(
            x=alt.X("time:Q", title=t("plot.time")),
            y=alt.Y("drift:Q", title=t("plot.drift_axis")),
            color=alt.Color("part:N", title=t("plot.part"), legend=None),
        )
        .properties(height=200),
        alt=t("plot.drift"),
    )
