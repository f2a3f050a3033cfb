"""`bvinv products`: the catalogue."""

from bvinv.commands.products import catalogue, categories, files, images, mappings, prices
from bvinv.commands.products.group import app

__all__ = ["app", "catalogue", "categories", "files", "images", "mappings", "prices"]
