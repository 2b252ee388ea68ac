"""The few numbers that audio and telephony repeat everywhere, said once."""

RATE_HZ = 8000
"""Sample rate of every PCM array in the engine."""
FRAME_MS = 20
"""Length of a frame and of a tick."""
FRAME_SAMPLES = RATE_HZ * FRAME_MS // 1000
"""Samples in a frame: 160."""
TICKS_PER_S = 1000 // FRAME_MS
"""Ticks in a second: 50."""
