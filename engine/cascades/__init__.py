"""Networks with exits: chains that share a trunk, and families of whole networks."""
