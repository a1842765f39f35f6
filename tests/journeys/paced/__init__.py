"""A worker whose load takes a set time: for replays against the simulator."""
