"""The trained displacement network as ONNX: weights in half precision, checked against PyTorch."""

from __future__ import annotations

import copy
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ..displacement import network as run_time
from ..displacement.deforming_map import CHANNELS
from ..errors import FaceError
from .displacement_network import DisplacementNetwork, assemble

OPSET = 17
LARGEST_DIFFERENCE_MM = 1e-3
EXAMPLE_SEED = 5


class _Widened(nn.Module):
    """A weight that is stored as float16 and computed with as float32."""

    def forward(self, weight: Tensor) -> Tensor:
        return weight.float()


class _Exported(nn.Module):
    """The generator with its weights in half precision, for one head: inputs without the batch axis of the keys."""

    def __init__(self, network: DisplacementNetwork) -> None:
        super().__init__()
        self.network = copy.deepcopy(network).float().cpu().eval()
        self.register_buffer("keys", torch.arange(network.settings.keys), persistent=False)
        for module in list(self.network.modules()):
            for name, weight in list(module.named_parameters(recurse=False)):
                weight.data = weight.data.half()
                parametrize.register_parametrization(module, name, _Widened(), unsafe=True)

    def forward(self, texture: Tensor, deforming: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        base, patterns, gains = self.network(texture, deforming[None], self.keys)
        return base[0], patterns[0], gains[0]


def export_onnx(network: DisplacementNetwork, path: Path) -> dict[str, Any]:
    """Write the network and check it: at run time it must say what PyTorch says in full precision.

    Returns
    -------
    what is written into the model card: "bytes", "parameters", "difference_mm" (largest, on random input)

    Raises
    ------
    FaceError where the file disagrees with PyTorch by more than LARGEST_DIFFERENCE_MM.
    """
    settings = network.settings
    random = np.random.default_rng(EXAMPLE_SEED)
    side = run_time.deforming_size(settings.size)
    texture = random.integers(90, 160, (settings.size, settings.size, 3)).astype(np.uint8)
    trust = np.ones((settings.size, settings.size), np.float32)
    deforming = random.normal(size=(settings.keys, CHANNELS, side, side)).astype(np.float32) * 0.1
    inputs = (
        torch.from_numpy(run_time.texture_channels(texture, trust)[None]),
        torch.from_numpy(deforming),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch would rather have us use another exporter
        torch.onnx.export(
            _Exported(network), inputs, str(path), opset_version=OPSET, dynamo=False, do_constant_folding=False,
            input_names=["texture", "deforming"], output_names=["base", "patterns", "gains"],
        )  # fmt: skip
    said = run_time.predict_key_maps(texture, trust, deforming, path)
    reference = copy.deepcopy(network).float().cpu().eval()
    with torch.no_grad():
        keys = torch.arange(settings.keys)
        expected = assemble(*reference(inputs[0], inputs[1][None], keys))[0].numpy()
    difference = float(np.abs(said - expected).max())
    if not difference <= LARGEST_DIFFERENCE_MM:
        path.unlink()
        raise FaceError(f"The exported network is {difference:.1e} mm off what PyTorch says; nothing was written.")
    return {
        "bytes": path.stat().st_size,
        "parameters": sum(weight.numel() for weight in network.parameters()),
        "difference_mm": difference,
    }
