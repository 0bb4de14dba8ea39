"""Runs of a page that have ended, heard to their end.

When a part of the page asks to run again just as a run ends, a new one begins, and Streamlit (1.67)
drops what the ended run has said and the server's thread has not yet taken. The browser then keeps
the page of before; and where it has heard that the run began, it no longer looks at the live parts
again, so that the page stands still until somebody clicks. A busy machine is enough for that.
"""

from __future__ import annotations

from typing import Any

from streamlit.runtime.app_session import AppSession
from streamlit.runtime.scriptrunner import RerunData, ScriptRunner, ScriptRunnerEvent

_ENDED = "_retrack_ended"
_PATCHED = "_retrack_hears_ended_runs"


def hear_ended_runs() -> None:
    """Has every page take what an ended run said before it takes the next one's. Asked for again it
    changes nothing."""
    if _PATCHED in vars(AppSession):
        return
    create = AppSession._create_scriptrunner
    handle = AppSession._handle_scriptrunner_event_on_event_loop

    def create_scriptrunner(self: AppSession, initial_rerun_data: RerunData) -> None:
        # One that is still here has refused the request, so it has ended by itself: what it said
        # waits in the event loop, in front of all that the new one will say.
        setattr(self, _ENDED, self._scriptrunner)
        create(self, initial_rerun_data)

    def handle_event(
        self: AppSession, sender: ScriptRunner | None, event: ScriptRunnerEvent, *given: Any
    ) -> None:
        current = self._scriptrunner
        if sender is None or sender is not getattr(self, _ENDED, None):
            handle(self, sender, event, *given)
        elif event is ScriptRunnerEvent.SHUTDOWN:  # the session goes on with the new one
            setattr(self, _ENDED, None)
        else:
            self._scriptrunner = sender
            try:
                handle(self, sender, event, *given)
            finally:
                self._scriptrunner = current

    AppSession._create_scriptrunner = create_scriptrunner  # type: ignore[method-assign]
    AppSession._handle_scriptrunner_event_on_event_loop = handle_event  # type: ignore[method-assign,assignment]
    setattr(AppSession, _PATCHED, True)
