"""How an account is cancelled and closed by one owner at a time, with proof: the protocol, its
scopes, the ownership file and the evidence. Of venues it knows the words of `Reduce` and `Read`.
"""
