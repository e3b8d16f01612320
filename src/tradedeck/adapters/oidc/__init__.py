"""OpenID Connect: signing in at a provider that people have already."""
