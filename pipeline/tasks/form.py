"""What a dance's record has besides what the store knows of any task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline import reasons
from pipeline.model import VARIANTS
from pipeline.tasks.record import MADE_SIZE, VARIANT_KEYS
from store import Form

_WAITING = {"pending": "等待处理...", "processing": "正在处理，请稍候..."}
_OUTPUTS = {name: f"{name}_output" for name in VARIANTS}


def message_of(record: Mapping[str, Any]) -> str:
    """The Chinese text of a record's status, made from its reason and its results."""
    status = record.get("status")
    if status == "success":
        made = [name for name in VARIANTS if record.get(_OUTPUTS[name])]
        if len(made) != 1:
            return "处理成功"
        version = made[0].upper() if made[0][1:].isdigit() else made[0]  # the format writes V2
        return f"处理成功（{version}版本）"
    if status == "failed":
        reason = record.get("reason")
        return reasons.MESSAGES.get(reason, "处理失败") if isinstance(reason, str) else "处理失败"
    return _WAITING[str(status)]


FORM = Form(
    keys=tuple(_OUTPUTS.values()),
    of_run=("stage", "seconds_left"),
    of_result=(
        *(key for keys in VARIANT_KEYS.values() for key in keys),
        *("reason_role", "detail", "warnings", MADE_SIZE),
    ),
    message=message_of,
)
