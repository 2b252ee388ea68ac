"""What the benchmarks share: the server as a process, loads that report their own lateness, and the report."""
