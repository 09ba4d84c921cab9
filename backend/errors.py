"""Every error a person can act on: one sentence each, exit code 1 at the command line."""


class FaceError(Exception):
    """Base of all errors that Facewright raises on purpose; ``str(error)`` is one sentence for a person."""


class PhotoUnreadable(FaceError):
    """The photo is missing, empty, truncated, too large, or not an image."""


class NoFaceFound(FaceError):
    """No usable face in the photo."""


class SeveralFacesFound(FaceError):
    """The photo holds several faces and the request does not say which of them exists."""


class ModelFileInvalid(FaceError):
    """A model or weight file is missing, corrupt, or of a kind that we cannot read."""


class TopologyMismatch(FaceError):
    """Two things that must share a topology do not."""


class FitFailed(FaceError):
    """The face model could not be brought to agree with the landmarks."""


class BundleInvalid(FaceError):
    """A head bundle is missing files, corrupt, or of a version that we cannot read."""


class OutputUnwritable(FaceError):
    """The output cannot be written: it exists, the folder is read-only, or the disk is full."""


class MissingDependency(FaceError):
    """An optional package, or a file that is fetched once, is not there."""


class Cancelled(FaceError):
    """The caller asked to stop."""
