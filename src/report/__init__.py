"""Reports on run folders: tables, figures and pages."""
