"""What `tests.bench.sandboxes` measures, one noun a file."""
