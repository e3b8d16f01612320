"""The gate, the book, the ledger, arming and halts: whether an order may go, and what is true."""
