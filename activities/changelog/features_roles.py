"""What a file is for, judged by its path alone."""

import re
from functools import lru_cache

ROLES = ("code", "test", "docs", "ci", "deps", "changelog", "fragment", "example", "version", "tooling")

_CHANGELOG = re.compile(
    r"(?:^|/)(?:changes|changelog|history|news|release[-_ ]?notes)(?:\.(?:md|rst|txt|adoc))?$", re.I
)
_FRAGMENT = re.compile(
    r"(?:^|/)(?:changes|changelog\.d|changelog|newsfragments?|news|\.changes?|\.changesets?)/(?!_|readme|template)[^/]+"
    r"\.(?:md|rst|txt|ya?ml|json|feature|bugfix|fix|change|doc|removal|deprecation|breaking|misc|added|changed|fixed)$",
    re.I,
)
_CI = re.compile(
    r"(?:^|/)(?:\.github/|\.circleci/|\.gitlab|\.travis|azure-pipelines|appveyor|\.azure|\.codecov|codecov|\.buildkite)",
    re.I,
)
_DEPS = re.compile(
    r"(?:^|/)(?:[\w-]*requirements[\w-]*(?:\.(?:txt|in)|/.*)|poetry\.lock|uv\.lock|Cargo\.lock|package-lock\.json|yarn\.lock|pnpm-lock\.yaml"
    r"|go\.sum|Pipfile\.lock|Gemfile\.lock|flake\.lock)$",
    re.I,
)
_TOOLING = re.compile(
    r"(?:^|/)(?:\.pre-commit-config\.yaml|tox\.ini|noxfile\.py|Makefile|justfile|\.gitignore|\.editorconfig|setup\.cfg|mypy\.ini"
    r"|\.readthedocs\.ya?ml|\.git[a-z-]+|CODEOWNERS|scripts/.+|tools/.+|xtask/.+|conftest\.py|pyproject\.toml|setup\.py|Cargo\.toml"
    r"|package\.json|\.[a-z-]+rc(?:\.\w+)?|LICENSE\S*|AUTHORS\S*|CONTRIBUTORS\S*)$",
    re.I,
)
_TEST = re.compile(
    r"(?:^|/)(?:tests?|testing|spec|specs|__tests__|testdata|fixtures|ui_test|tests?[-_]\w+)/|(?:^|/)test_[^/]+$|_tests?\.\w+$|\.(?:test|spec)\.\w+$",
    re.I,
)
_DOCS = re.compile(
    r"(?:^|/)(?:docs?|documentation|book|website|blog)/|\.(?:md|rst|adoc|txt|svg|png|jpe?g|gif)$|(?:^|/)mkdocs\.ya?ml$",
    re.I,
)
_EXAMPLE = re.compile(r"(?:^|/)(?:examples?|docs_src|benchmarks?|benches|demo)/", re.I)
_VERSION = re.compile(r"(?:^|/)(?:__version__|_version|version|__about__)\.\w+$", re.I)
_RULES = (
    ("changelog", _CHANGELOG),
    ("fragment", _FRAGMENT),
    ("ci", _CI),
    ("deps", _DEPS),
    ("version", _VERSION),
    ("test", _TEST),
    ("example", _EXAMPLE),
    ("docs", _DOCS),
    ("tooling", _TOOLING),
)


@lru_cache(maxsize=65_536)
def role_of(path: str) -> str:
    """What a file is for, from its path: one of ROLES; `code` when nothing else fits."""
    return next((role for role, rule in _RULES if rule.search(path)), "code")
