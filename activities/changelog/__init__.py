"""The changelog workflow's activities and domain logic."""
