# Every verb of the project. `make setup` is called by the others and does nothing when all is there.

.PHONY: setup demo test bench faults soak

setup:
	@tools/setup

demo: setup
	@.venv/bin/trebuchet sim demo

test: setup
	@tools/test

bench: setup
	@tools/bench

faults: setup
	@tools/faults

soak: setup
	@tools/soak
