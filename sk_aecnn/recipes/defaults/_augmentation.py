"""How samples are changed while training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sk_aecnn.data._geometry import SampleGeometry
from sk_aecnn.recipes.defaults._samples import Task

_TRANSLATION = {"translate": 0.075}
_LEVELS = {"contrast": 0.5, "brightness": 0.5}
# of the skill of a sample's mean and contrast, from which these may not be changed
_TOLD_BY_LEVELS = 0.5
# probability of a flip; of the skill of a classifier, the share lost from which there is none
_FLIPPED = 0.5
_LOST_BY_FLIPS = 0.25
# steps up to which the place of a value tells as much as the value
_SHORT_SEQUENCE = 32


@dataclass(frozen=True)
class ClassCues:
    """What tells the class of images, as far as simple classifiers can say.

    Attributes
    ----------
    levels : float
        How well the mean and the contrast of a sample alone tell its class, from 0 to 1.
    lost_by_flips : dict of str to float
        For the names of flips, what a classifier loses on samples so mirrored, from 0 to 1.
    """

    levels: float = 0.0
    lost_by_flips: Mapping[str, float] = field(default_factory=dict)


def depends_on_cues(geometry: SampleGeometry, task: Task, n_unlabeled: int) -> bool:
    """Tell whether `auto_augmentation` asks for what tells the class of samples.

    Examples
    --------
    >>> depends_on_cues(SampleGeometry((28, 28), None), "classifier", 0)
    True
    """
    return len(geometry.spatial) == 2 and task == "classifier" and n_unlabeled == 0


def auto_augmentation(
    geometry: SampleGeometry, task: Task, n_unlabeled: int, cues: ClassCues
) -> dict[str, float] | None:
    """Return the transforms of ``augmentation="auto"``: none but for images and long sequences.

    Autoencoders see images translated, and so do classifiers; those that have a label for every
    sample see them mirrored, too, where classes do not depend on it, and in other contrast and
    brightness where these tell less than half of the classes. Classifiers see sequences translated,
    but for short ones, in which the place of a value counts, as that of an hour of the day does.

    Parameters
    ----------
    geometry : SampleGeometry
        The shape of a sample.
    task : {"classifier", "regressor", "outlier_detector"} or None
        What the estimator is for.
    n_unlabeled : int
        Number of unlabeled samples.
    cues : ClassCues
        What tells the class.

    Examples
    --------
    >>> image, none = SampleGeometry((28, 28), None), ClassCues()
    >>> auto_augmentation(image, "classifier", 0, none)
    {'translate': 0.075, 'contrast': 0.5, 'brightness': 0.5}
    >>> (
    ...     auto_augmentation(image, None, 0, none),
    ...     auto_augmentation(image, "regressor", 0, none),
    ... )
    ({'translate': 0.075}, None)
    >>> hours, steps = (SampleGeometry((n_steps,), None) for n_steps in (24, 150))
    >>> [auto_augmentation(kind, "classifier", 0, none) for kind in (hours, steps)]
    [None, {'translate': 0.075}]
    >>> cues = ClassCues(0.9, {"horizontal_flip": 0.1, "vertical_flip": 0.7})
    >>> auto_augmentation(image, "classifier", 0, cues)
    {'translate': 0.075, 'horizontal_flip': 0.5}
    """
    if len(geometry.spatial) == 1:
        is_long = geometry.spatial[0] > _SHORT_SEQUENCE
        return dict(_TRANSLATION) if is_long and task == "classifier" else None
    if len(geometry.spatial) != 2 or task in {"regressor", "outlier_detector"}:
        return None
    if not depends_on_cues(geometry, task, n_unlabeled):
        return dict(_TRANSLATION)
    flips = {name: _FLIPPED for name, lost in cues.lost_by_flips.items() if lost < _LOST_BY_FLIPS}
    return _TRANSLATION | flips | (_LEVELS if cues.levels < _TOLD_BY_LEVELS else {})
