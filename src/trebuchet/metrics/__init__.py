"""Figures for Prometheus: what happened is noted as it happens, what is the case is read when somebody asks."""
