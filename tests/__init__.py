"""The tests, in the same rooms as the package; a package itself, so that rooms can share references and calls."""
