"""Machines that a run uses for many steps: opened, called, and gone with their run."""
