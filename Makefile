# Every verb of the project. `make setup` is called by the others and does nothing when all is there.

.PHONY: setup test

setup:
	@tools/setup

test: setup
	@tools/test
