"""A choice outlives a switch of the language; its words do not."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest


def script() -> None:
    import streamlit as st

    from ui.parts.selectbox import choice, chosen

    language = st.session_state.setdefault("language", "en")
    words = {"en": {10: "ten", 25: "twenty-five"}, "zh": {10: "十", 25: "二十五"}}[language]
    before = chosen("size", 25)
    st.text(f"{before} {choice('Size', (10, 25), words.__getitem__, key='size', default=25)}")


def test_the_words_are_those_of_the_language() -> None:
    page = AppTest.from_function(script).run()
    assert page.text[0].value == "25 25"
    page.selectbox[0].set_value(10).run()
    assert page.text[0].value == "10 10", "it is known before the box is drawn"
    first = page.selectbox[0].id
    page.session_state["language"] = "zh"
    page.run()
    assert page.text[0].value == "10 10"
    assert page.selectbox[0].options == ["十", "二十五"]
    assert page.selectbox[0].id != first, "the browser would go on showing the old words"
