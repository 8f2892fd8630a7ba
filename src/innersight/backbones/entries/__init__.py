"""The backbones that have an alias. A module that is added here adds its entries to the catalogue."""
