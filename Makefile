.PHONY: test lint docs bench ci

test:
	pytest

lint:
	ruff check .
	ruff format --check .
	mypy

docs:
	sphinx-build -n -W --keep-going docs docs/_build

bench:
	for file in benchmarks/*.py; do python "$$file" || exit 1; done

ci:
	.ci/run
