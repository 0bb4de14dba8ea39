"""What a page may ask of Streamlit over its websocket.

Streamlit answers more than our pages ask: with the names of files that the installation's folder
has beside what Git knows, for one, which runs Git within the event loop.
"""

from __future__ import annotations

from google.protobuf.message import DecodeError
from streamlit.proto.BackMsg_pb2 import BackMsg

_KINDS = frozenset({"rerun_script", "stop_script", "app_heartbeat", "file_urls_request"})
_OPERATIONS = frozenset({"deferred_file", "dataframe_chunk"})
"""Of the kind ``backend_operation_request``."""


def is_used(data: bytes) -> bool:
    """Whether a page of ours asks such a thing. What is no message at all is left to Streamlit,
    which ends the connection for it."""
    if not data:
        return True
    try:
        asked = BackMsg.FromString(data)
    except DecodeError:
        return True
    kind = asked.WhichOneof("type")
    if kind == "backend_operation_request":
        return asked.backend_operation_request.WhichOneof("payload") in _OPERATIONS
    return kind in _KINDS
