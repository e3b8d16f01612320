"""What a trading host trusts: signed envelopes and its own ceiling. Pure."""
