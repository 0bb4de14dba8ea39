"""The stable codes for why something failed, and the Chinese message of each.

Every text is made from the code, never the other way round. The page has its own texts in two
languages under the same codes.
"""

from __future__ import annotations

import errno

UNMAPPED = "failed to map segment"
"""The loader's message for a library that the address space has no more space for."""
NO_SHARED_MUSIC = "no_shared_music"
NO_SOUND = "no_sound"
SILENT = "silent"
NO_TRACK = "no_track"
NO_PICTURE = "no_picture"
UNREADABLE = "unreadable"
EMPTY_FILE = "empty_file"
NOT_MEDIA = "not_media"
TOO_LONG = "too_long"
TOO_SHORT = "too_short"
TOO_LARGE = "too_large"
TOO_MANY_STREAMS = "too_many_streams"
PICTURE_TOO_LARGE = "picture_too_large"
FRAME_RATE = "frame_rate"
UNSUPPORTED = "unsupported"
MISSING_FILE = "missing_file"
DISK_FULL = "disk_full"
OUT_OF_MEMORY = "out_of_memory"
TIMEOUT = "timeout"
SLOW_TO_OPEN = "slow_to_open"
SLOW_TO_PROCESS = "slow_to_process"
TOO_MANY_WAITING = "too_many_waiting"
TOO_MANY_TASKS = "too_many_tasks"
QUEUE_FULL = "queue_full"
CANCELLED = "cancelled"
INTERRUPTED = "interrupted"
CRASHED = "crashed"
RENDER_FAILED = "render_failed"
VERIFY_FAILED = "verify_failed"
SIZE_LIMIT = "size_limit"

FINAL = frozenset(
    {
        *(NOT_MEDIA, EMPTY_FILE, NO_PICTURE, UNREADABLE, UNSUPPORTED, TOO_LONG, TOO_SHORT),
        *(TOO_LARGE, TOO_MANY_STREAMS, PICTURE_TOO_LARGE, FRAME_RATE, SLOW_TO_OPEN),
        SLOW_TO_PROCESS,
    }
)
"""Refusals of a file that no second look and no hand will change. A film without sound is none:
the song can be placed by hand."""

MESSAGES: dict[str, str] = {
    NO_SHARED_MUSIC: "处理失败：两个文件里没有找到相同的音乐，请确认参考音乐就是视频里的那首歌",
    NO_SOUND: "处理失败：文件里没有声音，请换一个带声音的文件",
    SILENT: "处理失败：文件里的声音太小或全是静音，无法对齐",
    NO_TRACK: "处理失败：文件里没有所选的音轨",
    NO_PICTURE: "处理失败：舞蹈文件里没有画面，请上传视频文件",
    UNREADABLE: "处理失败：文件损坏或不完整，请重新导出后再上传",
    EMPTY_FILE: "处理失败：文件是空的（0 字节），请重新上传",
    NOT_MEDIA: "处理失败：这不是视频或音频文件",
    TOO_LONG: "处理失败：文件太长，请先剪短",
    TOO_SHORT: "处理失败：文件太短，至少需要几秒钟的音乐",
    TOO_LARGE: "处理失败：文件太大，请先压缩或剪短",
    TOO_MANY_STREAMS: "处理失败：文件里的音视频轨道太多",
    PICTURE_TOO_LARGE: "处理失败：画面尺寸太大",
    FRAME_RATE: "处理失败：画面帧率超出范围",
    UNSUPPORTED: "处理失败：不支持这种编码格式，请转换为 MP4（H.264）后再上传",
    MISSING_FILE: "处理失败：找不到上传的文件，请重新上传",
    DISK_FULL: "处理失败：磁盘空间不足，请清理后重试",
    OUT_OF_MEMORY: "处理失败：内存不足，请换用较短或较小的文件",
    TIMEOUT: "处理失败：处理超时，请换用较短的文件或重试",
    SLOW_TO_OPEN: "处理失败：打开文件所需的时间过长，文件可能已损坏，请重新导出后再上传",
    SLOW_TO_PROCESS: "处理失败：处理所需的时间远超文件标明的长度和尺寸，请重新导出为 MP4（H.264）",
    TOO_MANY_WAITING: "处理失败：您等待处理的任务太多，请等其中一些完成后再提交",
    TOO_MANY_TASKS: "处理失败：您的任务太多，请删除一些后再提交",
    QUEUE_FULL: "处理失败：等待处理的任务已满，请稍后再提交",
    CANCELLED: "已取消",
    INTERRUPTED: "处理失败：服务多次中断，已停止重试",
    CRASHED: "处理失败：处理程序意外退出，请重试或换一个文件",
    RENDER_FAILED: "处理失败：无法生成结果视频",
    VERIFY_FAILED: "处理失败：生成的结果没有通过检查",
    SIZE_LIMIT: "处理失败：限定的文件大小太小，画面会无法观看，请选择更大的上限",
}


class JobError(Exception):
    """A job that cannot go on: ``reason`` is a code above, ``role`` dance or reference.

    ``str(error)`` is one clear English line for the command line; ``detail`` goes to the log.
    """

    def __init__(
        self, reason: str, text: str, *, role: str | None = None, detail: str = ""
    ) -> None:
        super().__init__(text)
        self.reason = reason
        self.role = role
        self.detail = detail


class InputError(JobError):
    """A file that cannot be used (exit code 2 of the command line)."""


class RenderError(JobError):
    """A result that could not be written or did not pass its check."""


_PLACE_BY_HAND = "等待手动定位：舞蹈视频里没有可用的声音，请在页面上手动定位歌曲"
_ROLES = {"dance": "舞蹈视频", "reference": "参考音乐"}


def message_of(reason: str, role: str | None = None) -> str:
    """The Chinese message for a code, as the task file has it; ``role`` is the file's, if any."""
    text = MESSAGES.get(reason, MESSAGES[CRASHED])
    if role == "dance" and reason in (NO_SOUND, SILENT):
        return _PLACE_BY_HAND
    if role in _ROLES and "：" in text:
        head, _, rest = text.partition("：")
        return f"{head}（{_ROLES[role]}）：{rest}"
    return text


def reason_of(error: BaseException) -> str:
    """The stable code for an error that ended a job or a variant."""
    if isinstance(error, JobError):
        return error.reason
    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
        return OUT_OF_MEMORY
    if isinstance(error, OSError) and error.errno == errno.EFBIG:
        return TOO_LARGE
    if isinstance(error, ImportError) and UNMAPPED in str(error):
        return OUT_OF_MEMORY
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DISK_FULL
    from av.error import FFmpegError

    return UNREADABLE if isinstance(error, FFmpegError) else CRASHED


def public_text(error: BaseException) -> str:
    """The error's text for a person: our own words only. Those of libraries, which name paths of
    this machine, are for the log."""
    return str(error) if isinstance(error, JobError) else f"the work broke off ({reason_of(error)})"
