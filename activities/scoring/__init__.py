"""Baseline models that learn from a company's own history: additive, so that their reasons are exact."""
