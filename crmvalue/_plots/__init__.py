"""Pictures of models, groups and cascades that no result draws by itself; :mod:`crmvalue.plots` is the door."""
