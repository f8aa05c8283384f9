"""pml_native."""
