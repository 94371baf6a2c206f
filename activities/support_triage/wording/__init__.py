"""A model words the drafted answers, under checks."""
