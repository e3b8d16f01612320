"""Controls of people (accounts, factors, sessions), and the test that must fail without each:
(name, file, old, new, test, match), for `tools/mutants.py`.
"""

from __future__ import annotations

SIGN_IN = "tests/api/test_people_sign_in.py"
PEOPLE = "tests/api/test_people.py"
OIDC = "tests/api/test_oidc.py"
PASSKEYS = "tests/api/test_passkeys.py"
MATRIX = "tests/api/test_matrix.py"
TOTP = "tests/identity/test_totp.py"
PASSWORDS = "tests/identity/test_passwords.py"

CONTROLS = [
    (
        "CTL-4 a code counts once",
        "identity/totp.py",
        " and step > last_step:\n",
        ":\n",
        TOTP,
        "not_taken_again",
    ),
    (
        "CTL-4 wrong proofs are counted",
        "identity/sign_in.py",
        "            people.count_failure(write, row, now_ns)\n",
        "            pass\n",
        SIGN_IN,
        "101_wrong",
    ),
    (
        "CTL-4 wrong codes are counted",
        "identity/factors.py",
        "    if not fits:\n        people.count_failure(write, row, now_ns)\n",
        "",
        SIGN_IN,
        "forget_wrong_codes",
    ),
    (
        "CTL-4 an account that waits is refused",
        "identity/sign_in.py",
        "    if people.locked(row, now_ns):\n",
        "    if False:\n",
        SIGN_IN,
        "waiting_account",
    ),
    (
        "CTL-4 a hundred lock",
        "identity/people.py",
        "    if failed >= LOCKED_AT:\n",
        "    if False:\n",
        SIGN_IN,
        "ends_at_a_hundred",
    ),
    (
        "SEC-2 a second factor is asked for",
        "identity/sign_in.py",
        "    if ways:\n",
        "    if False:\n",
        SIGN_IN,
        "asked_for_where",
    ),
    (
        "SEC-2 a step-up is of this session",
        "identity/store.py",
        (
            "        update(sessions).where(sessions.c.id == identifier)"
            ".values(mfa=True, step_up_at_ns=now_ns)\n"
        ),
        "        update(sessions).values(mfa=True, step_up_at_ns=now_ns)\n",
        SIGN_IN,
        "lifts_no_other",
    ),
    (
        "SEC-2 a step-up ages",
        "identity/types.py",
        "        return 0 <= now_ns - self.step_up_at_ns < window_ns and self.step_up_at_ns > 0\n",
        "        return self.step_up_at_ns > 0\n",
        MATRIX,
        "each_role and old",
    ),
    (
        "SEC-2 a rule that asks for a step-up",
        "api/access.py",
        "            if not self.step_up or is_fresh(context, actor):\n",
        "            if True:\n",
        MATRIX,
        "token_of_each_role",
    ),
    (
        "SEC-2 a role that needs a factor",
        "identity/permissions.py",
        "    return not actor.limited or permission in WITHOUT_MFA\n",
        "    return True\n",
        MATRIX,
        "each_role and none",
    ),
    (
        "SEC-2 factors are changed by whoever showed one",
        "api/routes/me.py",
        "    if has_factor and not is_fresh(ctx, actor):\n",
        "    if False:\n",
        SIGN_IN,
        "only_by_whoever",
    ),
    (
        "SEC-2 a passkey's answer is to one question",
        "identity/passkeys.py",
        "    challenges.close(write, asked, now_ns=now_ns)  # one try",
        "    pass  # one try",
        PASSKEYS,
        "counts_once",
    ),
    (
        "SEC-2 a passkey knows its owner",
        "identity/passkeys.py",
        (
            '            credential_current_sign_count=int(key["sign_count"]),\n'
            "            require_user_verification=True,\n"
        ),
        (
            '            credential_current_sign_count=int(key["sign_count"]),\n'
            "            require_user_verification=False,\n"
        ),
        PASSKEYS,
        "unverified",
    ),
    (
        "SEC-2 one person's passkey steps nobody else up",
        "identity/passkeys.py",
        '    if key is None or key["tenant"] != asked.tenant or user not in ("", key["user"]):\n',
        "    if key is None:\n",
        PASSKEYS,
        "counts_once",
    ),
    (
        "SEC-1 a disabled account ends",
        "identity/authenticate.py",
        (
            '        if row["user"] and (row["user_name"] is None '
            'or row["user_disabled_at_ns"] is not None):\n'
        ),
        "        if False:\n",
        MATRIX,
        "nobody_any_more",
    ),
    (
        "SEC-1 a token is no more than its account",
        "identity/authenticate.py",
        "            role = own if via is Via.SESSION else lower(role, own)\n",
        "            role = own if via is Via.SESSION else role\n",
        PEOPLE,
        "more_than_its_account",
    ),
    (
        "SEC-1 a scope narrows",
        "identity/permissions.py",
        "    if actor.scope is not None and permission.value not in actor.scope:\n",
        "    if False:\n",
        PEOPLE,
        "scoped_token",
    ),
    (
        "SEC-1 the last admin",
        "identity/people.py",
        '        _keep_one_admin(write, row)\n    people_store.change_user(write, row["id"], role',
        '        pass\n    people_store.change_user(write, row["id"], role',
        PEOPLE,
        "last_admin",
    ),
    (
        "SEC-1 a common password",
        "identity/passwords.py",
        "    if low in _common() or ",
        "    if ",
        PASSWORDS,
        "which_passwords",
    ),
    (
        "SEC-1 an unknown name costs the same",
        "identity/passwords.py",
        "            matches = self._hasher.verify(kept or self._nobodys, _normal(password))\n",
        "            matches = kept is not None and self._hasher.verify(kept, _normal(password))\n",
        PASSWORDS,
        "same_work",
    ),
    (
        "SEC-1 a provider's answer is to this sign-in",
        "adapters/oidc/client.py",
        '        if not secrets.compare_digest(str(claims.get("nonce", "")), asked.nonce):\n',
        "        if False:\n",
        OIDC,
        "nonce",
    ),
    (
        "SEC-1 a provider's word is signed as it should be",
        "adapters/oidc/client.py",
        "            registry.validate(claims)\n",
        "",
        OIDC,
        "does_not_hold",
    ),
    (
        "SEC-1 a sign-in ends in the browser that began it",
        "api/routes/oidc.py",
        '        if not secrets.compare_digest(hashed(given), str(asked.data["browser"])):\n',
        "        if False:\n",
        OIDC,
        "one_browser",
    ),
]
