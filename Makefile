# Every verb of the project. `make setup` is called by the others and does nothing when all is there.

.PHONY: setup demo test bench growth faults soak

setup:
	@tools/setup

demo: setup
	@.venv/bin/trebuchet sim demo

test: setup
	@tools/test

bench: setup
	@tools/bench

growth: setup
	@tools/growth

faults: setup
	@tools/faults

soak: setup
	@tools/soak
