"""What a dance's record has besides what the store knows of any task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline import reasons
from pipeline.model import VARIANTS
from store import Form

_WAITING = {"pending": "等待处理...", "processing": "正在处理，请稍候..."}
_ONE_VARIANT = {"modular": "处理成功（modular版本）", "v2": "处理成功（V2版本）"}


def message_of(record: Mapping[str, Any]) -> str:
    """The Chinese text of a record's status, made from its reason and its results."""
    status = record.get("status")
    if status == "success":
        made = [name for name in VARIANTS if record.get(f"{name}_output")]
        return _ONE_VARIANT[made[0]] if len(made) == 1 else "处理成功"
    if status == "failed":
        reason = record.get("reason")
        return reasons.MESSAGES.get(reason, "处理失败") if isinstance(reason, str) else "处理失败"
    return _WAITING[str(status)]


FORM = Form(
    keys=tuple(f"{name}_output" for name in VARIANTS),
    of_run=("stage", "seconds_left"),
    of_result=(
        *(f"{name}_{what}" for name in VARIANTS for what in ("status", "size", "reason", "notes")),
        *("reason_role", "detail", "warnings"),
    ),
    message=message_of,
)
