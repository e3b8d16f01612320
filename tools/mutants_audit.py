"""Controls of the audit log, and the test that must fail without each: (name, file, old, new, test,
match), for `tools/mutants.py`.
"""

from __future__ import annotations

MERKLE = "tests/audit/test_merkle.py"
TREE = "tests/audit/test_tree.py"
VERIFIER = "tests/audit/test_verifier.py"
API = "tests/api/test_audit.py"

CONTROLS = [
    (
        "audit: RFC 6962 leaves are no nodes",
        "audit/merkle.py",
        'return hashlib.sha256(b"\\x00" + entry).digest()',
        "return hashlib.sha256(entry).digest()",
        MERKLE,
        "rfc_6962",
    ),
    (
        "audit: RFC 6962 nodes are no leaves",
        "audit/merkle.py",
        'return hashlib.sha256(b"\\x01" + left + right).digest()',
        "return hashlib.sha256(left + right).digest()",
        MERKLE,
        "rfc_6962",
    ),
    (
        "audit: an inclusion proof leads to the root",
        "audit/merkle.py",
        "    return last == 0 and found == root\n",
        "    return last == 0\n",
        MERKLE,
        "every_inclusion",
    ),
    (
        "audit: an inclusion proof is not too short",
        "audit/merkle.py",
        "    return last == 0 and found == root\n",
        "    return found == root\n",
        MERKLE,
        "every_inclusion",
    ),
    (
        "audit: a consistency proof begins with the old root",
        "audit/merkle.py",
        "return last == 0 and first == old_root and second == root",
        "return last == 0 and second == root",
        MERKLE,
        "every_consistency",
    ),
    (
        "audit: a consistency proof ends with the new root",
        "audit/merkle.py",
        "return last == 0 and first == old_root and second == root",
        "return last == 0 and first == old_root",
        MERKLE,
        "every_consistency",
    ),
    (
        "audit: INV-13 the tree notices another newest record",
        "audit/tree.py",
        "if not rows or entries.encode(rows[0])[0] != self._last:",
        "if False:",
        TREE,
        "inv_13_a_table",
    ),
    (
        "audit: INV-13 the tree notices a missing record",
        "audit/tree.py",
        'if int(row["seq"]) != self._edge.size + 1:',
        "if False:",
        TREE,
        "missing_before",
    ),
    (
        "audit: INV-13 the checkpoint is written last",
        "audit/tree.py",
        "        size = self._edge.size\n        for level, data in enumerate(self._open):\n",
        (
            "        size = self._edge.size\n"
            "        early = Checkpoint(self.verifier.name, size, self._edge.root()).text()\n"
            "        note = Note(early, (self._signer.sign(early),)).line().encode()\n"
            "        self.tiles.write(CHECKPOINT, note)\n"
            "        for level, data in enumerate(self._open):\n"
        ),
        TREE,
        "inv_12_a_crash",
    ),
    (
        "audit: INV-12 a failed turn begins from the files",
        "audit/tree.py",
        "                        self._load()\n",
        "                        pass\n",
        TREE,
        "disk_that_takes_nothing",
    ),
    (
        "audit: L3 a full tile is never written again",
        "audit/tiles.py",
        "            if once and path.exists():\n",
        "            if False:\n",
        TREE,
        "never_written_again or the_same_tree or a_crash",
    ),
    (
        "audit: INV-13 a log without its checkpoint is not begun anew",
        "audit/tree.py",
        "    if not key.exists() and (not checkpoint.exists() or _is_empty(checkpoint)):\n",
        "    if not key.exists() or not checkpoint.exists():\n",
        TREE,
        "not_begun_anew",
    ),
    (
        "audit: INV-13 the checkpoint's signature",
        "audit/notes.py",
        "    if note.by(verifier) is None:\n",
        "    if False:\n",
        TREE,
        "another_key",
    ),
    (
        "audit: INV-13 tiles give the root that was signed",
        "audit/tree.py",
        "        if self._edge.root() != self.checkpoint.root:\n",
        "        if False:\n",
        TREE,
        "changed_tile",
    ),
    (
        "audit: INV-13 verify compares the tiles",
        "audit/verify.py",
        '        if kept != b"".join(tile):\n',
        "        if False:\n",
        TREE,
        "changed_file or chain_made_anew",
    ),
    (
        "audit: INV-13 verify compares the bundles",
        "audit/verify.py",
        "len(self._bundle)).startswith(data):\n",
        'len(self._bundle)).startswith(b""):\n',
        TREE,
        "changed_file",
    ),
    (
        "audit: INV-13 verify counts the records",
        "audit/verify.py",
        "        if self.seq < self.size:\n            reason",
        "        if False:\n            reason",
        TREE,
        "table_cut_short_is_found",
    ),
    (
        "audit: INV-13 an entry holds every column",
        "audit/entries.py",
        '    "result", "code", "reason", "correlation", "previous", "hash",\n',
        '    "result", "code", "correlation", "previous", "hash",\n',
        TREE,
        "columns_are_the_tables",
    ),
    (
        "audit: CTL-13 a broken log is alarmed",
        "api/trail.py",
        "                    await tell(error)\n",
        "                    pass\n",
        API,
        "ctl_13",
    ),
    (
        "audit: the tree follows without being asked",
        "api/wiring.py",
        '    "audit": audit_log,\n',
        "",
        API,
        "ctl_13 or by_itself",
    ),
]
