"""bvinv: inventory that cannot oversell, on one database, at the command line."""

__version__ = "0.1.0"
