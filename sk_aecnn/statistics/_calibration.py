"""Which deviations other measures of how unusual rows are stand for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sk_aecnn.statistics._quantiles import weighted_quantile

# of the usual value
_LEAST = 1e-2
_HIGH = 0.9


@dataclass(frozen=True)
class Calibration:
    """The deviations that values of another measure stand for.

    Attributes
    ----------
    usual : float
        The usual value.
    deviation : float
        The deviation that it stands for.
    power : float
        That values are raised to, at most 1.
    floor : float
        What is added to every value: one of next to nothing is not infinitely small.
    """

    usual: float
    deviation: float
    power: float
    floor: float

    @classmethod
    def of(
        cls, values: np.ndarray, deviation: np.ndarray, weight: np.ndarray, floor: float = 0.0
    ) -> Calibration:
        """Compare values and deviations of training rows.

        To every value a hundredth of the usual one is added, and ``floor`` at the least. Values may
        vary by powers of ten, such as distances in few dimensions: they are raised to a power at
        which their ninth decile is as far above the median as that of deviations.

        Examples
        --------
        >>> deviation = np.arange(1.0, 10.0)
        >>> calibration = Calibration.of(deviation**2, deviation, np.ones(9))
        >>> round(calibration.power, 2), calibration.deviations(deviation**2).round(1)
        (0.5, array([1.1, 2. , 3. , 4. , 5. , 6. , 7. , 8. , 9. ]))
        """
        (usual, far), (middle, high) = (
            [weighted_quantile(one, weight, share) for share in (0.5, _HIGH)]
            for one in (values, deviation)
        )
        floor = max(_LEAST * usual, floor) or _LEAST
        spread = np.log((far + floor) / (usual + floor))
        power = 1.0 if spread == 0 else min(1.0, float(np.log(high / middle) / spread))
        return cls(usual, middle, power, floor)

    def deviations(self, values: np.ndarray) -> np.ndarray:
        """Return the deviations that values stand for."""
        ratio = (values + self.floor) / (self.usual + self.floor)
        result: np.ndarray = ratio**self.power
        return self.deviation * result
