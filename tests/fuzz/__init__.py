"""Fuzzing: one set of targets with an invariant each, driven by Hypothesis, by coverage (Atheris) and over sockets."""
