"""What runs inside the sandbox: standard library only, sent through standard input, so that no file is left.

`serve` holds the tries' limits, `cases` runs a function with its asserts, `pytest_runs` a repository's tests.
Nothing here is trusted by the host: `activities.repair.tries` validates each line that comes out.
"""
