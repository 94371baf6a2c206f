"""Stand-ins for GitHub, Linear and Jira: their paths, status codes, headers and pages, behind TLS on this host."""
