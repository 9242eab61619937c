# Two commands matter: `make demo` (the whole story on this machine) and `make test` (every test). Both install what they need.
.DEFAULT_GOAL := help
SHELL := /bin/bash

.PHONY: help demo demo-down test lint unit long integration browser e2e bench

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

demo: ## set everything up and tell the whole story (DEMO_ARGS=--exit ends after it)
	@scripts/bootstrap demo
	@scripts/in-env tidegate demo $(DEMO_ARGS)

demo-down: ## remove every trace of the demo
	@scripts/in-env tidegate demo down

test: ## set everything up and run all tests
	@scripts/bootstrap test
	@scripts/in-env scripts/test all

lint unit long integration browser e2e bench: ## one part of the tests
	@scripts/bootstrap test
	@scripts/in-env scripts/test $@
