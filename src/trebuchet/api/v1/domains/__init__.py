"""Domains: groups of phones, each with a host name of its own."""
