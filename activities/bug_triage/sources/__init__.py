"""Where bug reports come from: a file, GitHub, GitLab, Jira, Linear. All of them give a `Backlog`."""
