"""Endpoints: the SIP accounts phones register with, and tokens in place of their passwords."""
