"""What runs on the far side: sent as text with each call, for an interpreter of the sandbox's own.

Standard library only, Python 3.8 or newer, and nothing of ours is imported. What these programs answer is untrusted,
since the agent's code runs as the same user (see `sandboxes.hosted.replies`).
"""
