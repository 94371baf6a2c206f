"""What each container provider doesn't hold that bubblewrap does, and why. A policy that needs it is refused."""

DOCKER: dict[str, str] = {}
GVISOR: dict[str, str] = {}
