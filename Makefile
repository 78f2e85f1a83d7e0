.PHONY: test search lint docs words bench mutants ci

test:
	pytest

search:
	pytest -n auto --hypothesis-profile=search $(or $(FILES),tests)

lint:
	ruff check .
	ruff format --check .
	mypy

docs:
	sphinx-build -n -W --keep-going docs docs/_build

words:
	python -m tests.report.page.catalogue

bench:
	for file in $(or $(FILES),$(filter-out benchmarks/bench_frames_scale.py,$(wildcard benchmarks/bench_*.py))); do \
		echo "== $$file"; python "$$file" || exit 1; done

mutants:
	nice -n 19 python tests/mutants.py $(or $(FILES),crmvalue/_ltv crmvalue/_metrics crmvalue/_journeys/planning \
		crmvalue/_journeys/kinds/cascade.py crmvalue/_segmentation/rfm.py crmvalue/_funnels crmvalue/_models)

ci:
	.ci/run
