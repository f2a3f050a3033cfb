"""Who hears how a move goes."""


class Watch:
    """Hears how it goes. This one does nothing about it."""

    def says(self, text: str) -> None:
        """Hear something that people should know."""

    def took(self, rows: int, share: float) -> None:
        """Hear how many rows are done in all, and which share of the work that is."""
