"""The wire between processes. It keeps nothing; truth lives in journals and in the store."""
