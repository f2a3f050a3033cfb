"""From a promise to a parcel, and back: picks, packages, shipments, returns."""
