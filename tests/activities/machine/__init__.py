"""Pieces that hold machines, each by itself."""
