"""ICT-FaceKit in its own topology as a face model: for comparison, and for those who need that topology."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelFileInvalid
from .base import ARKIT_NAMES, FaceModel, HeadGeometry
from .ict_file import IDENTITY_MODES, IctSource, load_ict
from .ict_layout import ict_landmarks68, ict_topology
from .landmark_transfer import subset_of_478, transferred_embedding


class IctModel(FaceModel):
    """ICT-FaceKit Light: 100 identity modes, ARKit blendshapes that do not depend on the identity.

    Attributes
    ----------
    warnings : what this model cannot do, one sentence each

    Memory: about 60 MB (identity modes in float32).
    """

    warnings: tuple[str, ...]

    def __init__(self, source: IctSource, sha256: str, reference: FaceModel | None = None) -> None:
        """Build from a loaded file.

        Parameters
        ----------
        source : IctSource, float32 or float64
        sha256 : of the file
        reference : FaceModel, optional
            A model with the same mean head whose 478 landmarks are carried over by nearest points. Without one, the
            model knows only those landmarks that iBUG's 68 name.
        """
        self.name = "ICT-FaceKit Light"
        self.sha256 = sha256
        self.topology = ict_topology(source)
        self.identity_dims = IDENTITY_MODES
        self.blendshape_names = ARKIT_NAMES
        self.ibug68 = ict_landmarks68(source)
        self._neutral = source.neutral.astype(np.float64)
        self._identity = source.identity
        self._expression = source.expression
        self._tongue_out = ARKIT_NAMES.index("tongueOut")
        self.warnings = ("ICT-FaceKit has no tongueOut: that blendshape does nothing.",)
        if reference is None:
            self.embedding = subset_of_478(self.ibug68)
            self.warnings += (
                f"Without the built-in face model only {len(self.embedding.landmark)} landmarks are fitted.",
            )
        else:
            surface = np.concatenate([self.topology.triangles("skin")[0], self.topology.triangles("eye")[0]])
            self.embedding = transferred_embedding(reference, self._neutral, surface)

    @classmethod
    def load(cls, path: Path, reference: FaceModel | None = None) -> IctModel:
        """Read ``ict_facekit_light.npz``. Raises ModelFileInvalid."""
        source = load_ict(path, np.float32)
        try:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise ModelFileInvalid(f"{path} cannot be read: {error}.") from error
        return cls(source, digest, reference)

    def neutral(
        self, identity: NDArray[np.float64], vertices: NDArray[np.int64] | None = None
    ) -> NDArray[np.float64]:
        """(100,) standard deviations to (n, 3) mm."""
        chosen = slice(None) if vertices is None else vertices
        coefficients = np.asarray(identity, self._identity.dtype)
        result: NDArray[np.float64] = self._neutral[chosen] + np.tensordot(
            coefficients, self._identity[:, chosen], 1
        ).astype(np.float64)
        return result

    def blendshapes(
        self, identity: NDArray[np.float64], vertices: NDArray[np.int64] | None = None
    ) -> NDArray[np.float64]:
        """(52, n, 3) offsets mm; the same for every identity, zero for ``tongueOut``."""
        chosen = slice(None) if vertices is None else vertices
        return np.insert(self._expression[:, chosen].astype(np.float64), self._tongue_out, 0.0, axis=0)

    def identity_basis(self, vertices: NDArray[np.int64] | None = None) -> NDArray[np.float64]:
        """(100, n, 3) mm per standard deviation."""
        chosen = slice(None) if vertices is None else vertices
        return self._identity[:, chosen].astype(np.float64)

    def head(self, identity: NDArray[np.float64]) -> HeadGeometry:
        """Neutral and blendshapes as ICT has them, without correctives: those belong to the built-in topology."""
        return HeadGeometry(self.neutral(identity), self.blendshapes(identity))
