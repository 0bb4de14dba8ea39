"""Of what Streamlit offers over its websocket a page gets only what ours use."""

from __future__ import annotations

import pytest
from streamlit.proto.BackMsg_pb2 import BackendOperationRequest, BackMsg

from ui.parts.messages import is_used


def _operation(name: str) -> BackMsg:
    request = BackendOperationRequest(request_id="1", session_id="x")
    getattr(request, name).SetInParent()
    return BackMsg(backend_operation_request=request)


RERUN = BackMsg()
RERUN.rerun_script.page_name = "tasks"


@pytest.mark.parametrize(
    ("message", "used"),
    [
        (RERUN, True),
        (BackMsg(app_heartbeat=True), True),
        (_operation("dataframe_chunk"), True),
        (BackMsg(load_git_info=True), False),
        (BackMsg(clear_cache=True), False),
        (BackMsg(set_run_on_save=True), False),
        (BackMsg(debug_shutdown_runtime=True), False),
        (_operation("install_skills"), False),
        (_operation("dismiss_skills_nudge"), False),
    ],
)
def test_what_no_page_asks_is_not_used(message: BackMsg, used: bool) -> None:
    assert is_used(message.SerializeToString()) is used


def test_what_cannot_be_read_is_for_streamlit_to_refuse() -> None:
    assert is_used(b"\xff\xff") and is_used(b"")
