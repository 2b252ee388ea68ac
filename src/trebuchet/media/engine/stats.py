"""What a call sounded like, in one number (ITU-T G.107, reduced as in its tutorial to delay and loss)."""

BASE_R = 93.2
"""Rating of a perfect narrow-band call with the default values of G.107."""
LOSS_ROBUSTNESS = 25.1
"""Bpl of G.711 with concealment (ITU-T G.113 appendix I)."""
DELAY_KNEE_MS = 177.3
"""One-way delay from which talkers begin to disturb each other."""
NEAR_DELAY_MS = 20.0
"""One-way delay when nothing is known: packet and tick."""


def rating(loss: float, delay_ms: float) -> float:
    """The R factor, 0..93.2, of G.711 at `loss` (0..1, random) and one-way `delay_ms`."""
    percent = 100.0 * min(max(loss, 0.0), 1.0)
    equipment = 95.0 * percent / (percent + LOSS_ROBUSTNESS)
    delay = 0.024 * delay_ms + 0.11 * max(0.0, delay_ms - DELAY_KNEE_MS)
    return max(0.0, BASE_R - equipment - delay)


def opinion(factor: float) -> float:
    """Mean opinion score 1.0 .. 4.5 of an R factor (ITU-T G.107 annex B)."""
    if factor <= 6.5:
        return 1.0
    return 1.0 + 0.035 * factor + factor * (factor - 60.0) * (100.0 - factor) * 7e-6


def mos(loss: float, depth_ms: float, round_trip_ms: float | None) -> float:
    """Estimated score of what our side hears."""
    return opinion(rating(loss, NEAR_DELAY_MS + depth_ms + (round_trip_ms or 0.0) / 2.0))
