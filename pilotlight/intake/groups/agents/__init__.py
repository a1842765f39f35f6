"""Agents: a graph of jobs checked before anything runs, run as a group, each node when it can be."""
