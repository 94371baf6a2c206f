"""Repositories as workflows meet them: a folder of this host or a URL, and git on them inside a sandbox."""
