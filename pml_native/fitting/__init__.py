"""How `fit` works: the guide says what is tried when, a session keeps the best model, a file a family trains it."""
