"""A search: settings tried out by Optuna on validation, for one model or for several with equal budgets."""
