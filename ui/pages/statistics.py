"""How well the service did in the last days: success rate, and usual time by day."""

from __future__ import annotations

import altair as alt
import pandas as pd
import streamlit as st

from ui.pages.history import choose_days, finished, frame_of
from ui.service import Service
from ui.words.format import duration, viewers_zone
from ui.words.text import t

COLOURS = ["#2f9e63", "#c83349"]
"""Of what worked and of what did not."""


def show_statistics(service: Service) -> None:
    """Figures over all finished tasks, those that have left the list included."""
    st.subheader(t("page.statistics"), anchor=False)
    days = choose_days("statistics.days")
    frame = frame_of(finished(service, days), viewers_zone())
    if frame.empty:
        st.info(t("statistics.empty"), icon=":material/history:")
        return
    good = frame["status"] == "success"
    with st.container(horizontal=True):
        st.metric(t("history.total"), len(frame))
        st.metric(t("history.rate"), f"{good.mean():.0%}")
        st.metric(t("history.median"), duration(_median(frame.loc[good, "seconds"])))
    _charts(frame)


def _median(seconds: pd.Series) -> float | None:
    known = seconds.dropna()
    return None if known.empty else float(known.median())


def _charts(frame: pd.DataFrame) -> None:
    good = frame["status"] == "success"
    counts = (
        frame.assign(result=[t("status.success") if ok else t("status.failed") for ok in good])
        .groupby(["day", "result"], as_index=False)
        .size()
    )
    times = frame[good].groupby("day", as_index=False)["seconds"].median()
    left, right = st.columns(2)
    left.altair_chart(
        alt.Chart(counts, title=t("history.by_day"))
        .mark_bar()
        .encode(
            x=alt.X("day:O", title=None),
            y=alt.Y("size:Q", title=None, axis=alt.Axis(tickMinStep=1)),
            color=alt.Color(
                "result:N",
                title=None,
                scale=alt.Scale(domain=[t("status.success"), t("status.failed")], range=COLOURS),
                legend=alt.Legend(orient="bottom"),
            ),
        ),
        alt=t("history.by_day"),
    )
    right.altair_chart(
        alt.Chart(times, title=t("history.time_by_day"))
        .mark_line(point=True)
        .encode(x=alt.X("day:O", title=None), y=alt.Y("seconds:Q", title=None)),
        alt=t("history.time_by_day"),
    )
