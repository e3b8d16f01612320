"""Controls of tenants, and the test that must fail without each: (name, file, old, new, test,
match), for `tools/mutants.py`.
"""

from __future__ import annotations

SCOPING = "tests/store/test_scoping.py"
ROUTES = "tests/api/test_tenants.py"

CONTROLS = [
    (
        "SEC-3 a read is held to its tenant",
        "store/scoping.py",
        "        scoped = select_stmt.where(*wanted) if wanted else select_stmt\n",
        "        scoped = select_stmt\n",
        SCOPING,
        "a_read_sees and sqlite",
    ),
    (
        "SEC-3 the optional side of an outer join is held to its tenant",
        "store/scoping.py",
        "            wanted = criteria(join.right, self._door)\n",
        "            wanted = []\n",
        SCOPING,
        "a_read_sees and sqlite",
    ),
    (
        "SEC-3 a delete is held to its tenant",
        "store/scoping.py",
        "        scoped = delete_stmt.where(*criteria(table, self._door))\n",
        "        scoped = delete_stmt\n",
        SCOPING,
        "a_write_changes and sqlite",
    ),
    (
        "SEC-3 text does not run",
        "store/scoping.py",
        "        raise _text(textclause)\n",
        "        return textclause.text\n",
        SCOPING,
        "cannot_be_proved and sqlite",
    ),
    (
        "SEC-3 a door opens its own tables",
        "store/scoping.py",
        "        if door not in doors_of(table.info):\n",
        "        if False:\n",
        SCOPING,
        "a_door_opens and sqlite",
    ),
    (
        "SEC-3 walls of PostgreSQL hold the owner too",
        "store/walls.py",
        '            for act in ("ENABLE", "FORCE"):\n',
        '            for act in ("ENABLE",):\n',
        SCOPING,
        "walls_of_postgresql",
    ),
    (
        "SEC-3 a request has the context of its tenant",
        "api/context.py",
        "    return context.of(actor.tenant)\n",
        "    return context\n",
        ROUTES,
        "no_route",
    ),
    (
        "SEC-3 a suspended tenant is refused",
        "api/access.py",
        "            error = _suspended(context, connection, self.permission)\n",
        "            error = None\n",
        ROUTES,
        "suspended",
    ),
]
