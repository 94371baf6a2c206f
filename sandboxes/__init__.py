"""Disposable machines: the protocol, its providers and their limits."""
