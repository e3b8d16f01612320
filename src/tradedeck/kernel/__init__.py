"""Clock, ids, errors, canonical encoding, signing, redaction. No I/O; imports nothing of ours."""
