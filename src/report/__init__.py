"""Any set of run folders as tables, figures and pages."""
