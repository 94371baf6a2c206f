"""What crosses a boundary: pydantic models, error names, digests. No I/O and no imports of ours."""
