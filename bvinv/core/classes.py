"""Classes A, B and C: the few things that make most of a total, the many that make little.

The few that matter are looked at often, the many seldom. Sources: V. Pareto, Cours d'économie
politique, 1896-97, on the few who own most; H. F. Dickie, "ABC inventory analysis shoots for
dollars, not pennies", Factory Management and Maintenance 109(7), 1951, for stock. The usual cuts
are at 80 and 95 percent of the total.
"""

from collections.abc import Mapping
from typing import NamedTuple

CLASSES = ("A", "B", "C")
SHARES = (80, 95)  # percent of the total that A makes, and A and B together


class Cuts(NamedTuple):
    """The least value of class A, and the least of class B. What has no value is C."""

    a: int
    b: int

    def span(self, name: str) -> tuple[int | None, int | None]:
        """Return the least and the largest value of a class, both included; None for no end."""
        return {"A": (self.a, None), "B": (self.b, self.a - 1), "C": (None, self.b - 1)}[name]

    def class_of(self, value: int) -> str:
        """Return the class of a value."""
        return "A" if value >= self.a else "B" if value >= self.b else "C"


def cuts(values: Mapping[int, int], shares: tuple[int, int] = SHARES) -> Cuts:
    """Return where the classes end, for how often each value (pieces sold, revenue) is there.

    From the largest value down, a thing is A while those before it make less than 80 percent of
    the total, and B while they make less than 95: so whatever crosses a cut belongs above it, and
    the largest is always A. Equal values are of one class. Whole numbers only, so that a total
    over a million rows is exact.
    """
    worth = sorted(((value, times) for value, times in values.items() if value > 0), reverse=True)
    total = sum(value * times for value, times in worth)
    ends = []
    for share in shares:
        before, least = 0, 1 if not worth else worth[0][0]
        for value, times in worth:
            if before * 100 >= share * total:
                break
            least = value
            before += value * times
        ends.append(least)
    return Cuts(*ends)
