"""A book is a product: what is under /products is under /books, too."""

from collections.abc import Callable
from typing import Any

from bvinv.web.paths import Router

PLACES = ("/products", "/books")


class TwiceRouter(Router):
    """A router that has each of its operations under both names."""

    def twice(self, method: str, path: str, **operation: Any) -> Callable[[Any], Any]:
        """Register a function under /products and /books."""

        def register(function: Any) -> Any:
            for place in PLACES:
                self.add_api_route(
                    place + path, function, methods=[method], tags=[place[1:]], **operation
                )
            return function

        return register
