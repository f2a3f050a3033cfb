"""All checks together, as `verification` runs them."""

from bvinv.core.checks import (
    books,
    counting,
    fulfilment,
    places,
    purchasing,
    replenishment,
    scanning,
    transfers,
)

CHECKS = (
    books.CHECKS
    | purchasing.CHECKS
    | transfers.CHECKS
    | fulfilment.CHECKS
    | counting.CHECKS
    | places.CHECKS
    | scanning.CHECKS
    | replenishment.CHECKS
)
