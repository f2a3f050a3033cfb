"""Pick, pack, ship."""
