"""The displacement network of FaceScape Sec. 4.2, made small enough for a CPU: generator and discriminators.

FaceScape's pix2pixHD sees texture and deforming map once per expression: twenty passes, 9 to 21 s on two cores.
What it has to learn factors, and so does this generator:

    texture -> encoder, decoder (once, all texels) -> a base map and C line patterns b_c
    deforming map d_i, from the photo's expression to key i -> a few convolutions, 8 times coarser -> gains g_c(d_i)
    F_i = base + sum_c g_c(d_i) b_c

Lines stay where they are while expressions come and go, and an expression decides how deep each becomes: the
pattern needs every texel but is the same for all keys, the gain differs from key to key but is as smooth as the
surface's motion. "Compressed here deepens the lines that are seen there" is learned once, for all keys together.

Axis letters: B batch, K key expressions (0 is neutral, always first), H W texels, C patterns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..displacement.deforming_map import CHANNELS as DEFORMING_CHANNELS
from ..displacement.network import DEFORMING_STRIDE, GAIN_STRIDE, TEXTURE_CHANNELS

MOTION_SCALE = (0.1, 0.1, 0.1, 4.0, 4.0, 4.0)
"""What makes millimetres and strains numbers of order 1."""
UNIT_MM = 0.1
"""What the last layer says counts in tenths of a millimetre."""
DISCRIMINATOR_SLOPE = 0.2  # of LeakyReLU, pix2pixHD's


@dataclass(frozen=True)
class NetworkSettings:
    """size: texels of the whole UV square; widths: channels of the encoder's levels, from a quarter of ``size``
    downwards; patterns: C; gain_width: channels of the gains' convolutions; position: learned channels that say
    where on the face a texel lies, on position_nodes^2 nodes; keys: K;
    deforming, texture: off for the ablations (one-hot keys instead of deforming maps, FaceScape Fig. 10; a blank
    texture)."""

    size: int = 1024
    widths: tuple[int, ...] = (32, 48, 64, 96)
    patterns: int = 8
    gain_width: int = 32
    position: int = 12
    position_nodes: int = 64
    keys: int = 20
    deforming: bool = True
    texture: bool = True


def _block(inside: int, outside: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inside, outside, 3, padding=1), nn.ReLU(), nn.Conv2d(outside, outside, 3, padding=1), nn.ReLU()
    )


class DisplacementNetwork(nn.Module):
    """Texture and deforming maps to displacement maps."""

    motion_scale: Tensor

    def __init__(self, settings: NetworkSettings = NetworkSettings()) -> None:
        super().__init__()
        self.settings = settings
        widths, gain, fold = settings.widths, settings.gain_width, DEFORMING_STRIDE**2
        nodes = settings.position_nodes
        self.position = nn.Parameter(0.1 * torch.randn(1, settings.position, nodes, nodes))
        self.stem = nn.Conv2d(TEXTURE_CHANNELS * fold + settings.position, widths[0], 1)
        self.encoders = nn.ModuleList(_block(width, width) for width in widths)
        self.downs = nn.ModuleList(nn.Conv2d(a, b, 2, 2) for a, b in pairwise(widths))
        self.ups = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in pairwise(widths))
        self.decoders = nn.ModuleList(_block(width, width) for width in widths[:-1])
        self.out = nn.Conv2d(widths[0], (1 + settings.patterns) * fold, 3, padding=1)
        self.place = nn.Conv2d(widths[1], gain, 1)
        self.register_buffer("motion_scale", torch.tensor(MOTION_SCALE).reshape(-1, 1, 1), persistent=False)
        # What moves the skin comes in twice: through the convolutions, and straight to the gains, so that these are
        # of order 1 from the first step (a product of two things that both begin near 0 does not begin to learn).
        both = gain + settings.patterns
        if settings.deforming:
            self.motion: nn.Module = nn.Conv2d(DEFORMING_CHANNELS, both, 3, stride=2, padding=1)
        else:
            self.motion = nn.Embedding(settings.keys, both)
        self.gain = nn.Sequential(
            nn.ReLU(), nn.Conv2d(gain, gain, 3, padding=1), nn.ReLU(), nn.Conv2d(gain, gain, 3, padding=1),
            nn.ReLU(), nn.Conv2d(gain, settings.patterns, 1),
        )  # fmt: skip

    def forward(
        self, texture: Tensor, deforming: Tensor, keys: Tensor, corner: Sequence[tuple[int, int]] | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Base map, patterns and gains of one batch; ``assemble`` makes maps of them.

        Parameters
        ----------
        texture : (B, TEXTURE_CHANNELS, H, W) as ``displacement.network.texture_channels`` makes it
        deforming : (B, K, 6, H / 4, W / 4) as ``displacement.deforming_map`` makes it
        keys : (K,) which key expressions those are; the first one is 0, neutral
        corner : for every sample, row and column (multiples of 32) of the crop in the UV square; None: all of it

        Returns
        -------
        base (B, H, W) mm, patterns (B, C, H, W) mm, gains (B, K, C, H / 8, W / 8): neutral's, then what the other
        keys' are beyond neutral's
        """
        batch, count = deforming.shape[:2]
        if not self.settings.texture:
            texture = torch.zeros_like(texture)
        where = self._position(texture, corner)
        level = self.stem(torch.cat([functional.pixel_unshuffle(texture, DEFORMING_STRIDE), where], 1))
        skipped = []
        for encoder, down in zip(self.encoders, self.downs):
            skipped.append(encoder(level))
            level = down(skipped[-1])
        level = self.encoders[-1](level)
        coarse = level
        for depth in reversed(range(len(self.downs))):
            level = functional.interpolate(self.ups[depth](level), scale_factor=2.0, mode="nearest")
            level = self.decoders[depth](level + skipped[depth])
            if depth == 1:
                coarse = level
        shown = UNIT_MM * functional.pixel_shuffle(self.out(level), DEFORMING_STRIDE)

        place = self.place(coarse)[:, None]
        if self.settings.deforming:
            motion = self.motion((deforming * self.motion_scale).flatten(0, 1))
            motion = motion.reshape(batch, count, *motion.shape[1:])
        else:
            motion = self.motion(keys)[None, :, :, None, None].expand(batch, -1, -1, -1, -1)
        through, straight = motion.split([self.settings.gain_width, self.settings.patterns], 2)
        gains = self.gain((place + through).flatten(0, 1))
        gains = gains.reshape(batch, count, *gains.shape[1:]) + straight
        return shown[:, 0], shown[:, 1:], torch.cat([gains[:, :1], gains[:, 1:] - gains[:, :1]], 1)

    def _position(self, texture: Tensor, corner: Sequence[tuple[int, int]] | None) -> Tensor:
        """(B, position, H / 4, W / 4): what was learned about these places of the face."""
        side = self.settings.size // DEFORMING_STRIDE
        whole = functional.interpolate(self.position, size=(side, side), mode="bilinear", align_corners=False)
        if corner is None:
            return whole.expand(texture.shape[0], -1, -1, -1)
        height, width = (extent // DEFORMING_STRIDE for extent in texture.shape[2:])
        places = [(row // DEFORMING_STRIDE, column // DEFORMING_STRIDE) for row, column in corner]
        return torch.cat([whole[:, :, row : row + height, column : column + width] for row, column in places])


def assemble(base: Tensor, patterns: Tensor, gains: Tensor) -> Tensor:
    """(B, K, H, W) mm from what the generator says: neutral, then every key's difference to neutral.

    ``displacement.network`` does the same with numpy.
    """
    fine = functional.interpolate(
        gains.flatten(0, 1), scale_factor=float(GAIN_STRIDE), mode="bilinear", align_corners=False
    )
    fine = fine.reshape(*gains.shape[:3], *fine.shape[-2:])
    lines = (fine * patterns[:, None]).sum(2)
    return torch.cat([base[:, None] + lines[:, :1], lines[:, 1:]], 1)


def assemble_quickly(base: Tensor, patterns: Tensor, gains: Tensor) -> Tensor:
    """What ``assemble`` says, with gains that are constant over 4 x 4 texels: a fifth of its time, for training.

    Gains are smooth; the difference is a few thousandths of a wrinkle.
    """
    fine = functional.interpolate(
        gains.flatten(0, 1), scale_factor=GAIN_STRIDE / DEFORMING_STRIDE, mode="bilinear", align_corners=False
    )
    fine = fine.reshape(*gains.shape[:3], *fine.shape[-2:])
    folded = functional.pixel_unshuffle(patterns, DEFORMING_STRIDE)
    folded = folded.reshape(*patterns.shape[:2], -1, *folded.shape[-2:])
    with torch.autocast(base.device.type, enabled=False):
        sums = torch.matmul(fine.float().permute(0, 3, 4, 1, 2), folded.float().permute(0, 3, 4, 1, 2))
    lines = functional.pixel_shuffle(sums.permute(0, 3, 4, 1, 2).flatten(1, 2), DEFORMING_STRIDE)
    return torch.cat([base[:, None] + lines[:, :1], lines[:, 1:]], 1)


class PatchDiscriminator(nn.Module):
    """LSGAN's discriminator on patches (pix2pixHD): real or made up, for every neighbourhood of a map."""

    def __init__(self, inside: int, width: int = 16) -> None:
        super().__init__()
        widths = (inside, width, 2 * width, 4 * width)
        self.layers = nn.ModuleList(
            nn.Sequential(nn.Conv2d(a, b, 4, stride=2, padding=1), nn.LeakyReLU(DISCRIMINATOR_SLOPE))
            for a, b in pairwise(widths)
        )
        self.verdict = nn.Conv2d(widths[-1], 1, 3, padding=1)

    def forward(self, images: Tensor) -> list[Tensor]:
        """(N, inside, H, W) to the features of every layer and, last, the verdict (N, 1, H / 8, W / 8)."""
        features = []
        for layer in self.layers:
            images = layer(images)
            features.append(images)
        return [*features, self.verdict(images)]


class Discriminators(nn.Module):
    """D_1, D_2, D_3 of FaceScape Eq. (5): the same architecture at full, half and quarter resolution.

    They see a displacement map together with the texture that it was made from.
    """

    def __init__(self, scales: int = 3, width: int = 16) -> None:
        super().__init__()
        self.scales = nn.ModuleList(PatchDiscriminator(TEXTURE_CHANNELS + 1, width) for _ in range(scales))

    def forward(self, maps: Tensor, texture: Tensor) -> list[list[Tensor]]:
        """Maps (B, K, H, W) in units of about 1 and texture (B, 3, H, W): features of every scale, verdict last."""
        count = maps.shape[1]
        together = torch.cat([texture[:, None].expand(-1, count, -1, -1, -1), maps[:, :, None]], 2).flatten(0, 1)
        verdicts = []
        for scale in self.scales:
            verdicts.append(scale(together))
            together = functional.avg_pool2d(together, 3, stride=2, padding=1, count_include_pad=False)
        return verdicts


def adversarial_loss(verdicts: list[list[Tensor]], real: bool) -> Tensor:
    """LSGAN: squared distance of the verdicts from 1 (real) or 0 (made up), mean over scales."""
    target = 1.0 if real else 0.0
    return torch.stack([((features[-1] - target) ** 2).mean() for features in verdicts]).mean()


def feature_matching_loss(made: list[list[Tensor]], real: list[list[Tensor]]) -> Tensor:
    """L_FM of FaceScape Eq. (5): mean absolute difference of the features, over all scales and layers."""
    terms = [
        (one - other.detach()).abs().mean()
        for ours, theirs in zip(made, real)
        for one, other in zip(ours[:-1], theirs[:-1])
    ]
    return torch.stack(terms).mean()
