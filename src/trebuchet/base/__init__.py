"""The floor everything stands on: time, randomness, ids, units, bounds, errors. Imports nothing of ours."""
