"""What operators share that let the worker do something and then change the scene by it.

Invoked from a button they are modal: Blender stays usable, Esc cancels, and what they change at the end is one undo
step. Called from a script they block until everything is done.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import bpy

from ..backend_door import FaceError
from . import session
from .process import Event, Request
from .session import Busy, JobFailed, Outcome

BLOCKING_JOBS = ("RENDER", "RENDER_PREVIEW", "OBJECT_BAKE")
"""While these run, other threads read the scene that we would change."""


class JobOperator:
    """Mix-in for operators.

    ``bl_options`` must hold "UNDO", and not "REGISTER": "Repeat Last" and the panel "Adjust Last Operation" would
    run the whole job again, blocking.
    """

    job_kind = "reconstruct"
    job_verb: str | None = None

    _job: session.Job
    _timer: bpy.types.Timer | None = None
    _announced = False

    def request(self, context: bpy.types.Context) -> Request | Callable[[], Request]:
        """What to ask the worker; see ``session.start``. Raises FaceError."""
        raise NotImplementedError

    @staticmethod
    def prepare(event: Event) -> Any:
        """Whatever can be done with the result outside of the main thread. Raises FaceError. Must not touch bpy."""
        return None

    def finish(self, context: bpy.types.Context, event: Event) -> str:
        """Change the scene by the result; ``event["prepared"]`` is what ``prepare`` returned.

        Returns one sentence for the person. Raises FaceError, having changed nothing.
        """
        raise NotImplementedError

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        job = session.running()
        if job is not None and job.kind != "faces":
            cls.poll_message_set("Facewright is busy; wait for it or cancel it")
            return False
        return True

    # ------------------------------------------------------------------------------------------ from a script

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            if not ready(context):
                raise FaceError("Switch to Object Mode, and let renders end, before a head is added or changed.")
            self._begin(context)
            event = session.wait(self._job)
        except FaceError as error:
            return self._refuse(error)
        return self._conclude(context, event)

    # ------------------------------------------------------------------------------------------ from a button

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if bpy.app.background or context.window is None:
            return self.execute(context)
        try:
            self._begin(context)
        except FaceError as error:
            return self._refuse(error)
        manager = context.window_manager
        self._timer = manager.event_timer_add(session.INTERVAL_S, window=context.window)
        manager.modal_handler_add(self)
        session.redraw()
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        job = self._job
        if event.type == "ESC" and event.value == "PRESS" and session.running() is job:
            session.cancel()
        elif event.type != "TIMER":
            return {"PASS_THROUGH"}
        try:
            session.pump()
            if job.final is None:
                session.redraw_changes()
                return {"PASS_THROUGH"}
            if job.final["event"] in session.SUCCESS and not self._may_change(context):
                session.redraw_changes()
                return {"PASS_THROUGH"}
            self._leave(context)
            return self._conclude(context, session.checked(job.final))
        except FaceError as error:
            self._leave(context)
            return self._refuse(error)
        except BaseException:  # a fault of ours must not leave a job that never ends
            self._leave(context)
            session.release(job)
            raise

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender ends the operator: its window is closed or another file is loaded."""
        self._leave(context)
        if session.running() is self._job:
            session.stop()

    # ----------------------------------------------------------------------------------------------- both ways

    def _begin(self, context: bpy.types.Context) -> None:
        self._job = session.start(
            self.job_kind, self.request(context), verb=self.job_verb, prepare=self.prepare, held=True
        )

    def _may_change(self, context: bpy.types.Context) -> bool:
        """Whether now is the moment. The panel shows what comes for one round first: later it cannot be drawn."""
        if not ready(context):
            self._announced = False
            self._job.enter("wait", 1.0, 1.0)
            return False
        if not self._announced:
            self._announced = True
            self._job.enter("build", 1.0, 1.0)
            return False
        return True

    def _conclude(self, context: bpy.types.Context, event: Event) -> set[str]:
        """Change the scene, and say so."""
        job = self._job
        try:
            sentence = self.finish(context, event)
        except FaceError as error:
            return self._refuse(error)
        except BaseException:
            session.release(job)
            raise
        session.release(job, Outcome(job.kind, "INFO", sentence, None, job.seconds))
        session.redraw()
        self.report({"INFO"}, sentence)
        return {"FINISHED"}

    def _refuse(self, error: FaceError) -> set[str]:
        """Say why nothing was done."""
        job = getattr(self, "_job", None)
        log = error.log if isinstance(error, JobFailed) else None
        if isinstance(error, JobFailed) and error.kind == "Cancelled":
            level, sentence = "INFO", "Cancelled; the scene is as it was."
        else:
            level, sentence = "ERROR", str(error)
        seconds = 0.0 if job is None else job.seconds
        outcome = Outcome(self.job_kind, level, sentence, log, seconds)
        if job is not None:
            session.release(job, outcome)
        elif not isinstance(error, Busy):
            session.note(outcome)
        session.redraw()
        self.report({level}, sentence if log is None else f"{sentence} Log: {log}")
        return {"CANCELLED"}

    def _leave(self, context: bpy.types.Context) -> None:
        if self._timer is not None:
            context.window_manager.event_timer_remove(self._timer)
            self._timer = None


def ready(context: bpy.types.Context) -> bool:
    """Whether objects can be added: in the other modes undo knows only what happens inside of the mode."""
    return context.mode == "OBJECT" and not any(bpy.app.is_job_running(job) for job in BLOCKING_JOBS)
