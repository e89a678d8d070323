"""Searches: Optuna samples settings, judged on validation, for one model or several with equal budgets."""
