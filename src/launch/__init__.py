"""One job or many, here or on a cluster: sweeps, estimates, joblib, submitit, Ray."""
