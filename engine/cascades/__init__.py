"""Networks with exits: chains of stages that share a trunk, and families of separate networks."""
