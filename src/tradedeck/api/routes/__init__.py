"""HTTP routes, one module per domain. Each handler names the permission that it needs."""
