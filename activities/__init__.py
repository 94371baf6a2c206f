"""Everything that touches the world: models, sources, tools, effects, and each workflow's domain logic."""
