"""Every error a person can act on: one sentence each, exit code 1 at the command line."""

from __future__ import annotations

import struct
import tokenize
import zipfile
import zlib

# What zipfile, zlib and numpy raise on damaged .npz files; numpy's parser of array headers alone raises four kinds.
# KeyError says that an array is missing: callers name it.
DAMAGED_NPZ = (
    OSError, ValueError, TypeError, IndexError, EOFError, MemoryError, NotImplementedError, OverflowError,
    RuntimeError, SyntaxError, struct.error, tokenize.TokenError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip


def reason_of(error: BaseException) -> str:
    """What an exception says, as part of a sentence: its first line without a full stop."""
    of_args = isinstance(error, (KeyError, tokenize.TokenError)) and error.args
    words = str(error.args[0] if of_args else error).partition("\n")[0].rstrip(".")
    return words or "it is corrupt"


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


class MeshInvalid(FaceError):
    """A mesh that is to be measured is empty, broken, or cannot be what it is said to be."""


class DataSetInvalid(FaceError):
    """A data set for evaluation lacks files, or is not laid out as it should be."""


class MissingDependency(FaceError):
    """An optional package, or a file that is fetched once, is not there."""


class Cancelled(FaceError):
    """The caller asked to stop."""
