# Every verb of the project. `make setup` is called by the others and does nothing when all is there.

.PHONY: setup demo test faults soak

setup:
	@tools/setup

demo: setup
	@.venv/bin/trebuchet sim demo

test: setup
	@tools/test

faults: setup
	@tools/faults

soak: setup
	@tools/soak
