# The two commands a newcomer needs are `make demo` and `make test`. Both set up what they need.

REPO ?=
SOURCE ?=
TICKET ?=
TEST ?=
DEALS ?=
METHODOLOGY ?=
BOOKS ?=
PYTEST_ARGS ?=
# Tests run in that many processes side by side: most of them wait more than they compute. 0: in one, for a debugger.
LANES ?= 2
EXAMPLES ?= 500

.PHONY: help demo demo-fix demo-deals demo-payables demo-bugs test up lint format histories bench fuzz clean demo-support

help: ## Show what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: ## Set up, then show the main job: REPO=path for another repository than this one
	@deploy/bin/setup demo
	@.venv/bin/countersign demo --repo "$(or $(REPO),.)"

demo-fix: ## Set up, then show a bug's way from ticket to signed merge: REPO=path TICKET=file for your own
	@deploy/bin/setup demo
	@.venv/bin/countersign demo-fix --repo "$(REPO)" --ticket "$(TICKET)" --test "$(TEST)"

demo-deals: ## Set up, then show a morning of deals of a generated company: DEALS=folder METHODOLOGY=file for your own
	@deploy/bin/setup demo
	@.venv/bin/countersign demo-deals --deals "$(DEALS)" --methodology "$(METHODOLOGY)"

demo-payables: ## Set up, then show a morning of payments on generated books: BOOKS=folder for your own
	@deploy/bin/setup demo
	@.venv/bin/countersign demo-payables --books "$(BOOKS)"

demo-support: ## Set up, then triage generated support tickets
	@deploy/bin/setup demo
	@.venv/bin/countersign demo-support

demo-bugs: ## Set up, then triage generated bug reports: SOURCE=file REPO=path for your own
	@deploy/bin/setup demo
	@.venv/bin/countersign demo-bugs --source "$(SOURCE)" --repo "$(REPO)"

test: ## Set up, then run every test: PYTEST_ARGS="tests/ledger -x" for some
	@deploy/bin/setup test
	@.venv/bin/pytest -n $(LANES) $(PYTEST_ARGS)

up: ## Set up, then start server, workers and console in this terminal
	@deploy/bin/setup demo
	@.venv/bin/countersign up

lint: ## ruff, mypy --strict, the table of allowed imports
	@.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/mypy && .venv/bin/lint-imports

format: ## Format and sort imports
	@.venv/bin/ruff check --fix-only . && .venv/bin/ruff format .

histories: ## Record the histories that tests/replay replays (after a deliberate change of a workflow)
	@.venv/bin/python -m tests.replay.record
	@.venv/bin/python -m tests.replay.record_quorum
	@.venv/bin/python -m tests.machines.record
	@.venv/bin/python -m tests.replay.record_ticket
	@.venv/bin/python -m tests.replay.record_deals
	@.venv/bin/python -m tests.replay.record_bugs
	@.venv/bin/python -m tests.replay.record_payables
	@.venv/bin/python -m tests.replay.record_support

bench: ## Measure a step's overhead; the other benches are in docs/benchmarks
	@.venv/bin/python -m tests.bench.step_overhead

fuzz: ## Ask the console's API what it allows and what it doesn't, for minutes: EXAMPLES=2000 for longer
	@.venv/bin/python -m tests.bench.fuzz --examples $(EXAMPLES)

clean: ## Remove what the demo left in this folder
	@rm -rf .demo test-artifacts
