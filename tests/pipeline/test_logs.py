"""The log as JSON: an object a line, and which work it is of."""

from __future__ import annotations

import io
import json
import logging
import threading

from pipeline.logs import JsonFormatter, at_stage, working_on

TASK, OTHER = "0b7e1c1e-4a4b-4d19-9d0a-1f6f5a1f0001", "0b7e1c1e-4a4b-4d19-9d0a-1f6f5a1f0002"


def test_each_line_says_of_which_task_attempt_and_stage_it_is() -> None:
    log, out = logging.Logger("pipeline.x"), io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(JsonFormatter())
    log.addHandler(handler)
    log.info("[%s] by another thread", OTHER)
    with working_on(TASK, 2):
        log.info("[%s] begins", TASK)
        at_stage("align")
        try:
            raise ValueError("线\nbroken")
        except ValueError:
            log.exception("two\nlines")
        log.warning("[%s] of another", OTHER)
        aside = threading.Thread(target=log.info, args=("aside",))
        aside.start()
        aside.join()
    log.info("after")
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [line.get("task") for line in lines] == [OTHER, TASK, TASK, OTHER, None, None]
    assert [line.get("attempt") for line in lines] == [None, 2, 2, None, None, None]
    assert [line.get("stage") for line in lines] == [None, None, "align", None, None, None]
    assert [line["level"] for line in lines[:4]] == ["INFO", "INFO", "ERROR", "WARNING"]
    assert [line["message"] for line in lines[1:3]] == ["begins", "two\nlines"]
    assert "ValueError: 线\nbroken" in lines[2]["error"]
    assert all(line["time"].endswith("+00:00") for line in lines)
