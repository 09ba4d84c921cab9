"""What the running job tells panels and scripts: ``window_manager.facewright``; read-only, never saved."""

import bpy

from ..job import session


def _job(read):
    """A getter: ``read`` of the running job, the type's own nothing where none runs."""

    def get(self):
        job = session.running()
        return read(None if job is None or job.kind == "faces" else job)

    return get


class FACEWRIGHT_PG_session(bpy.types.PropertyGroup):
    """The job that a person started, and how the last one ended. Looking for faces does not count."""

    is_running: bpy.props.BoolProperty(
        name="Running", description="Whether Facewright makes a head right now", get=_job(lambda job: bool(job))
    )
    stage: bpy.props.StringProperty(
        name="Stage", description="What is being done", get=_job(lambda job: job.stage if job else "")
    )
    fraction: bpy.props.FloatProperty(
        name="Done",
        description="How much of the whole is done",
        subtype="FACTOR",
        min=0.0,
        max=1.0,
        get=_job(lambda job: job.fraction if job else 0.0),
    )
    seconds: bpy.props.FloatProperty(
        name="Seconds",
        description="Since the start of the running job, or how long the last one took",
        subtype="TIME_ABSOLUTE",
        get=lambda self: _seconds(),
    )
    message: bpy.props.StringProperty(
        name="Message",
        description="How the last job ended",
        get=lambda self: outcome.message if (outcome := session.last()) else "",
    )
    log: bpy.props.StringProperty(
        name="Log",
        description="The file that tells more about why the last job failed",
        get=lambda self: (outcome.log or "") if (outcome := session.last()) else "",
    )


def _seconds() -> float:
    job, outcome = session.running(), session.last()
    return job.seconds if job is not None and job.kind != "faces" else 0.0 if outcome is None else outcome.seconds


def register() -> None:
    """Give every window manager its session."""
    bpy.utils.register_class(FACEWRIGHT_PG_session)
    bpy.types.WindowManager.facewright = bpy.props.PointerProperty(type=FACEWRIGHT_PG_session)


def unregister() -> None:
    """Take it back."""
    del bpy.types.WindowManager.facewright
    bpy.utils.unregister_class(FACEWRIGHT_PG_session)
