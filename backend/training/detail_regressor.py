"""The two small networks of HiFace's SD-DeTail (Sec. 3.3): photo to static detail, static to dynamic detail.

StaticEncoder sees the skin's local contrast in UV space (``displacement/sd_detail.network_input``) and says what
static displacement it means, as a map; projected on the static basis that map gives phi_sta (detail_basis.py).
Regressing the coefficients through a map has the same minimum of Eq. (10) as regressing them directly, because the
projection is linear, but every texel of every head teaches the same small convolutions: few heads are enough.

DynamicMapper is HiFace Eq. (6): the expression xi enters the static coefficients by adaptive instance
normalisation.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..displacement.sd_detail import SEEN_CHANNELS

UNSHUFFLE = 4
"""Texels of the texture along each side that become channels of one place of the first convolution."""
EPSILON = 1e-5


@dataclass(frozen=True)
class RegressorSettings:
    """widths: channels at a quarter, an eighth and a sixteenth of the texture's size; channels, features: how the
    static coefficients are lifted before AdaIN, which normalises every channel over its features; hidden: units of
    the perceptrons."""

    widths: tuple[int, int, int] = (24, 32, 48)
    channels: int = 16
    features: int = 12
    hidden: int = 96


class StaticEncoder(nn.Module):
    """(n, SEEN_CHANNELS, 2B, 2B) of a texture to (n, 1, B, B) static displacement.

    ``output_scale`` is in mm: the network's numbers are of the order of 1.
    """

    def __init__(self, widths: tuple[int, int, int], output_scale: float) -> None:
        super().__init__()
        fine, middle, coarse = widths
        self.output_scale = output_scale
        places = 2  # u and v: which lines may be where, and how they run
        self.fine = _two_convolutions(SEEN_CHANNELS * UNSHUFFLE * UNSHUFFLE + places, fine)
        self.middle = _two_convolutions(fine, middle)
        self.coarse = _two_convolutions(middle, coarse)
        self.up_middle = _convolution(coarse + middle, middle)
        self.up_fine = _convolution(middle + fine, fine)
        self.out = nn.Conv2d(fine, UNSHUFFLE, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        """See the class."""
        cells = functional.pixel_unshuffle(image, UNSHUFFLE)
        fine = self.fine(torch.cat([cells, _places(cells)], 1))
        middle = self.middle(functional.avg_pool2d(fine, 2))
        coarse = self.coarse(functional.avg_pool2d(middle, 2))
        middle = self.up_middle(torch.cat([_doubled(coarse), middle], 1))
        fine = self.up_fine(torch.cat([_doubled(middle), fine], 1))
        result: Tensor = functional.pixel_shuffle(self.out(fine), UNSHUFFLE // 2) * self.output_scale
        return result


def _convolution(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1), nn.SiLU())


def _two_convolutions(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(*_convolution(inputs, outputs), *_convolution(outputs, outputs))


def _doubled(values: Tensor) -> Tensor:
    return functional.interpolate(values, scale_factor=2.0, mode="nearest")


def _places(cells: Tensor) -> Tensor:
    """(n, 2, h, w): u and v from -1 to 1."""
    count, _, height, width = cells.shape
    u = torch.linspace(-1.0, 1.0, width).to(cells).reshape(1, 1, 1, width)
    v = torch.linspace(1.0, -1.0, height).to(cells).reshape(1, 1, height, 1)
    return torch.cat([u.expand(count, 1, height, width), v.expand(count, 1, height, width)], 1)


class DynamicMapper(nn.Module):
    """Static coefficients and expression to dynamic coefficients, HiFace Eq. (6):

        phi = Phi( sigma(xi~) ((phi_sta - mu(phi_sta)) / sigma(phi_sta) + mu(xi~)) )

    The equation's mu and sigma are two numbers per person, which would leave an expression two numbers to act by,
    and the person no overall depth. As in AdaIN's source they are taken per channel here: phi_sta is first lifted
    linearly to ``channels`` x ``features``, xi~ has the same shape. One channel and no lifting is the equation.

    xi = 0 asks for the polarised states: D_com and D_str that serve all expressions best.
    """

    def __init__(self, static: int, expressions: int, dynamic: int, settings: RegressorSettings) -> None:
        super().__init__()
        self.shape = (settings.channels, settings.features)
        lifted = settings.channels * settings.features
        self.lift = nn.Linear(static, lifted)
        self.affine = nn.Sequential(
            nn.Linear(expressions, settings.hidden), nn.SiLU(), nn.Linear(settings.hidden, lifted)
        )
        self.transform = nn.Sequential(
            nn.Linear(lifted, settings.hidden), nn.SiLU(), nn.Linear(settings.hidden, dynamic)
        )

    def forward(self, static: Tensor, expression: Tensor) -> Tensor:
        """(n, K_sta) and (n, 52), or one of them with n = 1, to (n, K_com + K_str) standard deviations."""
        content = self.lift(static).unflatten(-1, self.shape)
        style = self.affine(expression).unflatten(-1, self.shape)
        mean, deviation = _statistics(content)
        style_mean, style_deviation = _statistics(style)
        adapted = style_deviation * ((content - mean) / deviation + style_mean)
        result: Tensor = self.transform(adapted.flatten(-2))
        return result


def _statistics(values: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation over the last axis, kept."""
    mean = values.mean(-1, keepdim=True)
    return mean, ((values - mean).square().mean(-1, keepdim=True) + EPSILON).sqrt()
