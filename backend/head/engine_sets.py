"""The 19 wrinkle maps as three packed sets, in the manner of MetaHuman's WM1 to WM3.

An engine blends three maps W_1 .. W_3 by the masks R_r of some regions and one number for every set and region:

    F = F_0 + sum_s sum_r a_sr R_r W_s          a_sr = clamp(sum_j alpha_j c_srj, 0, 1)

What a region shows of the 19 key expressions is of few kinds (a forehead is lifted, knit, or both), so that three
numbers a region suffice for most of it. Four steps, each a small exact or least squares problem:

1. *Keys.* For every region the three key expressions from which all others can be mixed best: of all 969 triples
   the one with the smallest rest, weights not negative. So keys that occur together never share a set of a region.
   Depth and slope count alike: light shows slopes, a silhouette depth.
2. *Sets.* Which of the three becomes W_1, W_2 or W_3: a key expression is in the same set wherever that can be.
3. *Weights.* c by non-negative least squares over samples of alpha: key expressions, every blendshape alone, and
   pairs. What each should show comes from the weight masks of FaceScape Eq. (8), averaged over the region.
4. *Maps.* With c as it is and the clamp in place, W by least squares over the key expressions, texel by texel: it
   mends what steps 1 to 3 lose, and what masks that overlap mix.
"""

from __future__ import annotations

from itertools import combinations, permutations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from ..dynamic_detail.detail_maps import KEYS
from ..dynamic_detail.weight_masks import weight_masks
from .engine_names import SETS

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

KEY_SHARE = 24.0
"""How much more a key expression counts than any other sample when weights are fitted."""
PAIRS = 160
SEED = 4
SMALLEST_WEIGHT = 0.01
"""Weights below this are left out: nobody would see them."""
LEAST_REACH = 0.03
"""Mean activation of a region from which on a blendshape counts there: else a left brow would crease the right."""
LOYALTY = 0.1
"""How far W stays with the chosen keys' own maps, beside a key expression that shows W in full. Less fits the key
expressions a little better and makes W deeper than any of them, which other expressions would then show."""
ROWS = 128
"""Rows of a map that are solved at once."""
_NOTHING = 1e-9


class Samples(NamedTuple):
    """Blendshape weights to fit by. alpha (n, E); share (n,) how much each counts; the first 19 are the keys."""

    alpha: Float64
    share: Float64


class Plan(NamedTuple):
    """keys (R, 3): the key expression (1 to 19) that set s of region r starts from, 0 where the region has no
    wrinkles; weights (3, R, E): c."""

    keys: NDArray[np.int64]
    weights: Float64


def samples(key_weights: Float64) -> Samples:
    """Key expressions, half of them, every blendshape alone, and pairs of key expressions at random intensity."""
    random = np.random.default_rng(SEED)
    keys, count = key_weights.shape
    pairs = random.integers(0, keys, (PAIRS, 2))
    amount = random.uniform(0.2, 1.0, (PAIRS, 2, 1))
    mixed = np.clip((key_weights[pairs] * amount).sum(1), 0.0, 1.0)
    alpha = np.concatenate([key_weights, 0.5 * key_weights, np.eye(count), mixed])
    share = np.concatenate([np.full(keys, KEY_SHARE), np.ones(len(alpha) - keys)])
    return Samples(alpha, share)


def region_products(maps: Float32, masks: Float32, step: int = 2) -> Float64:
    """(R, 19, 19) products of maps of the key expressions (19, S, S) with each other, summed over each region of
    ``masks`` (R, S, S), every ``step``-th texel."""
    flat = maps[:, ::step, ::step].reshape(KEYS, -1)
    result = np.zeros((len(masks), KEYS, KEYS))
    for region, mask in enumerate(masks[:, ::step, ::step].reshape(len(masks), -1)):
        inside = np.flatnonzero(mask)
        part = flat[:, inside]
        result[region] = (part * mask[inside] ** 2) @ part.T
    return result


def balanced(*products: Float64) -> Float64:
    """(R, 19, 19) sum of products of different maps, each counting as much as the others over all regions."""
    sizes = [max(float(np.einsum("rkk->", part)), _NOTHING) for part in products]
    return np.asarray(sum(part / size for part, size in zip(products, sizes, strict=True)))


def shown_in_regions(
    activation: Float32,
    key_weights: Float64,
    masks: Float32,
    energy: Float32,
    alpha: Float64,
    onset: float = 0.0,
) -> Float64:
    """The weight masks of FaceScape Eq. (8) as one number a region: means where the key's own wrinkles are.

    Parameters
    ----------
    activation : (E, P) A_j at some places of the skin
    key_weights : (19, E)
    masks : (R, P)
    energy : (19, P) squared depth of the keys' wrinkles
    alpha : (n, E) blendshape weights
    onset : as of ``weight_masks``

    Returns
    -------
    (n, R, 19)
    """
    place = masks[:, None] * energy[None]
    total = np.maximum(place.sum(2), _NOTHING)
    shown = [
        np.einsum("rkp,kp->rk", place, weight_masks(activation, key_weights, weights, onset)) / total
        for weights in alpha
    ]
    return np.asarray(shown, np.float64)


def reach_of_blendshapes(activation: Float32, masks: Float32, energy: Float32) -> NDArray[np.bool_]:
    """(R, E): whether a blendshape moves the skin of a region where it wrinkles; no other may have weight there.

    ``activation`` (E, P), ``masks`` (R, P), ``energy`` (19, P) as of ``shown_in_regions``.
    """
    place = masks * energy.sum(0)
    mean = place @ activation.T / np.maximum(place.sum(1, keepdims=True), _NOTHING)
    return np.asarray(mean > LEAST_REACH)


def plan_sets(products: Float64, shown: Float64, drawn: Samples, reach: NDArray[np.bool_]) -> Plan:
    """Steps 1 to 3.

    Parameters
    ----------
    products : (R, 19, 19) ``region_products``
    shown : (n, R, 19) ``shown_in_regions`` of the samples
    drawn : those samples
    reach : (R, E) ``reach_of_blendshapes``
    """
    chosen = [best_three(product) for product in products]
    energy = [np.diag(product) for product in products]
    keys = _same_set_everywhere(chosen, energy)
    weights = np.zeros((SETS, len(products), drawn.alpha.shape[1]))
    for region, (order, product) in enumerate(zip(keys, products, strict=True)):
        if not order.any():
            continue
        mixed = mixtures(product, order[None] - 1)[0]
        mixed /= np.maximum(mixed.max(0), 1.0)  # so that no expression asks for more than all of a set
        weights[:, region] = fit_weights(drawn, shown[:, region] @ mixed, reach[region])
    return Plan(keys, weights)


def fit_weights(drawn: Samples, wanted: Float64, reach: NDArray[np.bool_]) -> Float64:
    """(s, E): weights of the blendshapes whose sums come nearest to ``wanted`` (n, s); not negative, and 0 beyond
    their ``reach`` (E,)."""
    root = np.sqrt(drawn.share)
    solved = np.zeros((wanted.shape[1], len(reach)))
    for row, column in zip(solved, wanted.T, strict=True):
        row[reach] = nnls(drawn.alpha[:, reach] * root[:, None], column * root)[0]
    return np.where(solved < SMALLEST_WEIGHT, 0.0, solved)


def intensities(weights: Float64, alpha: Float64) -> Float64:
    """(n, 3, R): a of the formula above for (n, E) blendshape weights; also other (s, R, E) weights."""
    return np.asarray(np.clip(np.einsum("sre,ne->nsr", weights, alpha), 0.0, 1.0))


def set_maps(dynamic: Float32, masks: Float32, plan: Plan, key_weights: Float64) -> Float32:
    """Step 4.

    Parameters
    ----------
    dynamic : (19, S, S) mm, F_i - F_0
    masks : (R, S, S) R_r
    plan : of ``plan_sets``
    key_weights : (19, E)

    Returns
    -------
    (3, S, S) mm
    """
    amount = intensities(plan.weights, key_weights).astype(np.float32)  # (19, 3, R)
    size = dynamic.shape[1]
    result = np.zeros((SETS, size, size), np.float32)
    for start in range(0, size, ROWS):
        rows = slice(start, start + ROWS)
        wanted = dynamic[:, rows].reshape(KEYS, -1)
        wrinkled = np.flatnonzero(wanted.any(0))
        if len(wrinkled):
            local, wanted = masks[:, rows].reshape(len(masks), -1)[:, wrinkled], wanted[:, wrinkled]
            solved = _solve_texels(np.tensordot(amount, local, 1), wanted, _first_guess(local, wanted, plan.keys))
            part = np.zeros((SETS, dynamic[0, rows].size), np.float32)
            part[:, wrinkled] = solved
            result[:, rows] = part.reshape(SETS, -1, size)
    return result


def best_three(product: Float64) -> NDArray[np.int64]:
    """The key expressions (1 to 19) from which the others are mixed best; zeros where there is nothing to mix."""
    if np.trace(product) <= _NOTHING:
        return np.zeros(SETS, np.int64)
    triples = np.array(list(combinations(range(KEYS), SETS)))
    mixed = mixtures(product, triples)
    # What least squares explain of each key is the product of its weights and its products with the three.
    explained = np.einsum("tks,kts->t", mixed, product[:, triples])
    return np.asarray(triples[explained.argmax()] + 1)


def mixtures(product: Float64, triples: NDArray[np.int64]) -> Float64:
    """(t, 19, 3): the non-negative weights that mix every key best from three (t, 3), counted from 0.

    Exact: the best of the seven choices of those that take part, each solved without the condition.
    """
    cross = product[:, triples].transpose(1, 0, 2)  # (t, 19, 3)
    inner = product[triples[:, :, None], triples[:, None, :]]
    best = np.zeros((len(triples), KEYS, SETS))
    gain = np.zeros((len(triples), KEYS))
    for count in range(1, SETS + 1):
        for active in combinations(range(SETS), count):
            part = inner[:, active][:, :, active] + _NOTHING * np.eye(count)
            solved = cross[:, :, active] @ np.linalg.inv(part)
            explained = (solved * cross[:, :, active]).sum(2)
            better = (solved >= 0.0).all(2) & (explained > gain)
            gain[better] = explained[better]
            fresh = np.zeros((int(better.sum()), SETS))
            fresh[:, active] = solved[better]
            best[better] = fresh
    return best


def _same_set_everywhere(keys: list[NDArray[np.int64]], energy: list[Float64]) -> NDArray[np.int64]:
    """(R, 3): each region's keys in the order of the sets. Regions with deep wrinkles come first, others follow."""
    liking = np.zeros((KEYS + 1, SETS))
    result = np.zeros((len(keys), SETS), np.int64)
    for region in sorted(range(len(keys)), key=lambda r: -float(energy[r].sum())):
        if not keys[region].any():
            continue
        orders = [np.array(order) for order in permutations(keys[region])]
        result[region] = max(orders, key=lambda order: float(liking[order, range(SETS)].sum()))
        liking[result[region], range(SETS)] += energy[region][result[region] - 1]
    return result


def _first_guess(local: Float32, wanted: Float32, keys: NDArray[np.int64]) -> Float32:
    """(3, P): the chosen keys' own maps, mixed by the masks (R, P)."""
    guess = np.zeros((SETS, local.shape[1]), np.float32)
    for mask, order in zip(local, keys, strict=True):
        for part, key in enumerate(order):
            if key:
                guess[part] += mask * wanted[key - 1]
    return guess


def _solve_texels(amount: Float32, wanted: Float32, guess: Float32) -> Float32:
    """(3, P): least squares of ``wanted`` (19, P) by ``amount`` (19, 3, P), with a pull towards ``guess``."""
    normal = np.einsum("isp,itp->pst", amount, amount, optimize=True).astype(np.float64)
    right = np.einsum("isp,ip->ps", amount, wanted, optimize=True).astype(np.float64)
    solved: Any = np.linalg.solve(normal + LOYALTY * np.eye(SETS), (right + LOYALTY * guess.T)[..., None])
    return np.asarray(solved[..., 0].T, np.float32)
