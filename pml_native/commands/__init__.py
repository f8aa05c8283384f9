"""The commands of `pml-native`, one a file: its options, `add_arguments`, and what it does, `run`."""
