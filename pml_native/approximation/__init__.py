"""What `approximate` works with: the target and where it has no value, intervals of one input, sparse grids of more."""
