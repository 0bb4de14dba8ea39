"""The tasks' state and its file, ``outputs/task_status.json``. Depends on nothing else here.

Seven promises hold at every instant, whatever crashes (docs/durability.md has the assumptions;
tests/store the tests named here):

1. The file is absent or one complete JSON object. *(test_storm, test_syscalls, test_power)*
2. An update is acknowledged only after the file and its folder are synced. *(test_power,
   test_syscalls)*
3. Every write derives from the bytes on the disk, read under the lock between processes.
   *(test_storm, test_edits)*
4. Unknown keys and unknown records are carried through unchanged. *(test_damage, test_machine)*
5. success and failed never go back, except by a retry or a person's edit. *(test_tasks,
   test_machine)*
6. Nothing unreadable is overwritten before a copy of it stands aside. *(test_damage)*
7. No lock is held while a caller's code runs, and every wait for a lock is bounded.
   *(test_locks)*

``Store(settings)`` is the whole interface; the functions below act on the process's one store of
the folder that the environment names.
"""

from __future__ import annotations

from store import process
from store.errors import BadPatch, Fenced, NoSuchTask, NotSaved, StoreError, WrongState
from store.model import ADJUST, TASK, Adjustment, Claim, Form, Snapshot, Task, is_task_id
from store.retention import details
from store.retention.task_files import make_task_folder
from store.settings import Seconds, SettingsError, StoreSettings
from store.tasks.default import (
    cleanup_old_tasks,
    default_store,
    load_task_status,
    save_task_status,
)
from store.tasks.store import Store

__all__ = [
    "ADJUST",
    "TASK",
    "Adjustment",
    "BadPatch",
    "Claim",
    "Fenced",
    "Form",
    "NoSuchTask",
    "NotSaved",
    "Seconds",
    "SettingsError",
    "Snapshot",
    "Store",
    "StoreError",
    "StoreSettings",
    "Task",
    "WrongState",
    "cleanup_old_tasks",
    "default_store",
    "details",
    "is_task_id",
    "load_task_status",
    "make_task_folder",
    "process",
    "save_task_status",
]
