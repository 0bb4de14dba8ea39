"""The alignment for the eye: waveforms on one time line, the correlation curve, drift."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import inf
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from pipeline.model import BEST_FIRST, Segment
from pipeline.tasks.answer import Take
from pipeline.tasks.record import TaskRecord
from pipeline.tasks.values import mapping
from ui.player import takes
from ui.service import Service
from ui.words import sentences
from ui.words.format import clock, milliseconds
from ui.words.text import t

_LEGEND = alt.Legend(orient="top")
_COLOURS = ["#c83349", "#2a78d6"]
"""Distinct also for people who confuse red and green, on light and on dark."""
RUNNER_UP_SECONDS = 0.5
"""A peak farther than this from the highest one is the runner-up."""
CLEAR_RATIO = 1.3
"""A peak that is so many times as high as the runner-up stands out to the eye."""
MIN_DRIFT_MS = 10.0
"""What the drift's axis shows at least: less is nothing to worry about."""


def show_plots(service: Service, task: TaskRecord) -> None:
    """The three plots and the figures behind them."""
    played = task.answer.takes
    if played:
        _figures(task, played)
    evidence = _evidence(service, task)
    if not evidence:
        st.info(t("plot.nothing"))
    _waveforms(evidence, played)
    curves = mapping(evidence.get("variants"))
    for method in BEST_FIRST:
        curve = mapping(curves.get(method))
        if curve.get("offsets"):
            _correlation(method, curve, played)
    if played:
        _drift(played)


def _figures(task: TaskRecord, played: Sequence[Take]) -> None:
    longest = max((s for take in played for s in take), key=lambda s: s.dance_end - s.dance_start)
    offset = longest.offset
    where = t(
        "place.starts_before" if offset >= 0 else "place.starts_after",
        s=f"{abs(offset) if offset >= 0 else -offset / longest.speed:.3f}",
    )
    if len(played) > 1:
        where = takes.sentence(played)
    with st.container(horizontal=True):
        if len(played) > 1:  # each has an offset of its own
            st.metric(t("plot.takes"), str(len(played)), help=where)
        else:
            st.metric(t("plot.offset"), f"{offset:+.4f} s", help=where)
        st.metric(t("plot.speed"), f"{longest.speed:.6f}", help=t("plot.speed_help"))
        if task.answer.placed:
            st.metric(t("plot.found"), t("agreement.by_hand"))
        else:
            st.metric(t("plot.confidence"), f"{task.answer.confidence or 0.0:.0%}")
            st.metric(
                t("plot.agreement"),
                sentences.agreement_text(task) or "–",
                help=t("column.agreement_help"),
            )
        nudge = task.made_with.nudge_ms
        if nudge:
            st.metric(t("plot.nudge"), f"{nudge:+g} ms", help=t("plot.nudge_help"))
    st.caption(where)


def _evidence(service: Service, task: TaskRecord) -> Mapping[str, Any]:
    path = service.settings.outputs / "results" / task.id / "evidence.json"
    try:
        service.store.files.fetch(path)
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return mapping(found)


def _waveforms(evidence: Mapping[str, Any], played: Sequence[Take]) -> None:
    """Both sounds on the dance's time line; above the line the dance, below it the reference."""
    waves = mapping(evidence.get("waveforms"))
    segments = [segment for take in played for segment in take]
    names = [t("variant.original"), t("column.reference")]
    layers = []
    for kind, sign in (("dance", 1.0), ("reference", -1.0)):
        wave = waves.get(kind) or {}
        peaks = [max(-a, b) for a, b in zip(wave.get("low", ()), wave.get("high", ()), strict=True)]
        if not peaks:
            continue
        step = float(wave["duration"]) / len(peaks)
        times = [i * step for i in range(len(peaks))]
        loudest = max([*peaks, 1e-9])
        levels = [sign * value / loudest for value in peaks]
        name = names[0] if sign > 0 else names[1]
        for part, placed in _columns(kind, times, played):
            layers.append(
                pd.DataFrame(
                    {
                        "time": [at for at, _ in placed],
                        "level": [levels[index] for _, index in placed],
                        "zero": 0.0,
                        "file": name,
                        "part": part,
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
            color=_two_colours("file", names),
            detail="part:N",
        )
    )
    chart: alt.Chart | alt.LayerChart | alt.FacetChart = waves_chart
    if segments:
        parts = pd.DataFrame(map(asdict, segments))
        matched = (
            alt.Chart(parts)
            .mark_rect(opacity=0.22, color="green")
            .encode(x="dance_start:Q", x2="dance_end:Q")
        )
        chart = alt.layer(matched, waves_chart)
    _title(t("plot.waveforms") if segments else t("plot.waveforms_apart"))
    st.altair_chart(
        chart.properties(height=300).interactive(bind_y=False),
        alt=t("plot.waveforms_alt", parts=_parts(segments)),
    )


def _columns(
    kind: str, times: Sequence[float], played: Sequence[Take]
) -> list[tuple[int, list[tuple[float, int]]]]:
    """A waveform's columns by part: each one's moment of the dance (seconds), and its number.

    The reference is drawn under each take, as often as it is played; all of it under a single one.
    """
    if kind == "dance" or not played:
        return [(0, [(at, index) for index, at in enumerate(times)])]
    found: dict[int, list[tuple[float, int]]] = {}
    stretches = takes.stretches(played)
    if len(played) == 1:
        stretches[0]["start"], stretches[-1]["end"] = -inf, inf
    for one in stretches:
        for index, song in enumerate(times):
            at = (song - one["offset"]) / one["speed"]
            if one["start"] <= at <= one["end"]:
                found.setdefault(int(one["take"]), []).append((at, index))
    return list(found.items())


def _two_colours(field: str, names: Sequence[str]) -> alt.Color:
    """The first name always gets the first colour, whatever language sorts first."""
    scale = alt.Scale(domain=list(names), range=_COLOURS)
    return alt.Color(f"{field}:N", title=None, legend=_LEGEND, scale=scale)


def _title(text: str) -> None:
    # Not the chart's own title: that is cut off on a phone.
    st.markdown(f"**{text}**")


def _parts(segments: Sequence[Segment]) -> str:
    return ", ".join(f"{clock(s.dance_start)}–{clock(s.dance_end)}" for s in segments)


def _correlation(method: str, curve: Mapping[str, Any], played: Sequence[Take]) -> None:
    """The curve with its peak and its runner-up, which is no other take's own place.

    A method draws the curve of one take; of several it says which.
    """
    frame = pd.DataFrame({"offset": curve["offsets"], "score": curve["scores"]}).dropna()
    if frame.empty:
        return
    peak = frame.iloc[int(frame["score"].to_numpy().argmax())]
    others = frame
    for offset in (peak["offset"], *(take[0].offset for take in played)):
        others = others[(others["offset"] - offset).abs() > RUNNER_UP_SECONDS]
    marks = [{"offset": peak["offset"], "score": peak["score"], "what": t("plot.peak")}]
    ratio = 0.0
    if not others.empty:
        second = others.iloc[int(others["score"].to_numpy().argmax())]
        marks.append(
            {"offset": second["offset"], "score": second["score"], "what": t("plot.runner_up")}
        )
        ratio = float(peak["score"] / max(second["score"], 1e-9))
    title = t("plot.correlation", name=sentences.variant_name(method))
    x = alt.X("offset:Q", title=t("plot.offset_axis"))
    y = alt.Y("score:Q", title=None)
    line = alt.Chart(frame).mark_line(strokeWidth=1).encode(x=x, y=y)
    points = (
        alt.Chart(pd.DataFrame(marks))
        .mark_point(filled=True, size=90)
        .encode(
            x=x,
            y=y,
            color=_two_colours("what", [t("plot.peak"), t("plot.runner_up")]),
            tooltip=["what:N", alt.Tooltip("offset:Q", format="+.3f"), "score:Q"],
        )
    )
    _title(title)
    st.altair_chart(alt.layer(line, points).properties(height=260), alt=title)
    said = ""
    if ratio:
        key = "plot.peak_clear" if ratio >= CLEAR_RATIO else "plot.peak_close"
        said = t(key, n=f"{ratio:.1f}")
    if len(played) > 1:
        own = min(played, key=lambda take: abs(take[0].offset - float(peak["offset"])))
        said = sentences.then(t("plot.of_take", at=clock(own[0].dance_start)), said)
    if said:
        st.caption(said)


def _drift(played: Sequence[Take]) -> None:
    """How far the reference runs away from the dance's clock (milliseconds), take by take."""
    points = takes.drift(played)
    far: float = max(abs(point["drift"]) for point in points)
    scale = alt.Scale(domain=[-MIN_DRIFT_MS, MIN_DRIFT_MS]) if far < MIN_DRIFT_MS else None
    title = t("plot.drift" if len(played) == 1 else "plot.drift_takes")
    _title(title)
    st.altair_chart(
        alt.Chart(pd.DataFrame(points))
        .mark_line(point=True)
        .encode(
            x=alt.X("time:Q", title=t("plot.time")),
            y=alt.Y("drift:Q", title=t("plot.drift_axis"), scale=scale or alt.Undefined),
            color=alt.Color("take:N", title=t("plot.part"), legend=None),
        )
        .properties(height=220),
        alt=title,
    )
    key = "plot.drift_small" if far < MIN_DRIFT_MS else "plot.drift_large"
    st.caption(t(key, ms=milliseconds(far)))
