"""Machines whose work survives: real server, real workers in processes of their own, killed with -9."""
