"""Launching of jobs and sweeps, on this machine or on a cluster: estimates, joblib, submitit, Ray."""
