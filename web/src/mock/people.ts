/* People of the mock back end. Sentinels: name `second` asks for a second factor, password `wrong`
   and code `000000` are refused, name `busy` finds too many at the door. */
import type { InvitationView, OwnSession, PersonView, Profile, RoleTable, TokenView } from "~/api/identity";

interface Request { body: Record<string, unknown>; params: Record<string, string> }
interface Kit {
  on(method: string, path: string, handler: (request: Request) => Response | Promise<Response>): void;
  json(body: unknown, status?: number): Response;
  problem(status: number, code: string, title: string, detail: string, extra?: Record<string, unknown>): Response;
  enter(): void;
}
const text = (value: unknown) => (typeof value === "string" ? value : "");
const HOUR = 3_600_000;
const ago = (ms: number) => new Date(Date.now() - ms).toISOString();

export function installPeople({ on, json, problem, enter }: Kit) {
  const flags = new URLSearchParams(location.search);
  const role = (flags.get("role") ?? "admin") as Profile["role"];
  const everything = ["read", "self", "kill", "people.read", "people.manage", "token.manage", "audit.read", "approval.decide"];
  let steppedUpUntil: string | null = null;
  let hasTotp = flags.has("enrolled");
  let recovery = hasTotp ? 7 : 0;
  const session = () => ({ id: "ses_mock", actor: "admin", role, kind: "session", expires_at: new Date(Date.now() + 12 * HOUR).toISOString(), permissions: everything, tenant: "main", user: "usr_mock", mfa: hasTotp, needs_mfa: flags.has("no-mfa") && !steppedUpUntil, stepped_up_until: steppedUpUntil });
  const opened = () => { enter(); return json(session(), 201); };
  const wrong = () => problem(403, "FORBIDDEN", "Not allowed", "The code was not valid: mistyped, used before, or the account waits.", { hint: "Take the next code of the app, or a recovery code." });
  const fresh = (then: () => Response) => (steppedUpUntil ? then() : problem(403, "STEP_UP_REQUIRED", "Not allowed", "This needs a second factor that was shown in the last 5 minutes.", { hint: "Step up under POST /api/v1/session/step-up, then try again.", ways: hasTotp ? ["totp", "recovery", "host"] : ["host"] }));
  const prove = () => { steppedUpUntil = new Date(Date.now() + 300_000).toISOString(); };

  on("GET", "/session", () => json(session()));
  on("POST", "/sessions/password", ({ body }) => {
    if (text(body.name) === "busy") return problem(429, "TOO_MANY", "Too many requests", "Too many people sign in at this moment.", { hint: "Try again shortly." });
    if (text(body.password) === "wrong") return problem(401, "UNAUTHENTICATED", "Sign in first", "The name or the password was not valid.", { hint: "After five wrong ones in a row an account waits, up to 15 minutes; an admin, or `tradedeck user unlock` on the host, ends that." });
    return text(body.name) === "second" ? json({ challenge: "tdc_mock", ways: ["totp", "recovery"] }, 202) : opened();
  });
  on("POST", "/sessions/second", ({ body }) => (text(body.code) === "000000" ? wrong() : opened()));
  on("POST", "/sessions/invitation", ({ body }) => (text(body.token) === "used" ? problem(401, "UNAUTHENTICATED", "Sign in first", "The invitation was not valid: it was used, revoked, or has expired.", { hint: "Ask an admin for another one." }) : text(body.password).length < 15 ? problem(422, "INVALID", "Not valid", "The password was shorter than 15 characters.") : opened()));
  on("POST", "/session/step-up", ({ body }) => {
    if (text(body.code) === "000000") return wrong();
    prove();
    return json(session());
  });

  on("GET", "/me", () => json({ id: "usr_mock", name: "admin", display_name: "Ada Lindqvist", role, tenant: "main", has_password: true, has_totp: hasTotp, has_oidc: false, passkeys: hasTotp ? [{ id: "key_1", name: "Laptop", site: "localhost", created_at: ago(40 * 24 * HOUR), used_at: ago(3 * HOUR) }] : [], recovery_codes_left: recovery, needs_mfa: session().needs_mfa, step_up_ways: hasTotp ? ["totp", "recovery", "host"] : ["host"] } satisfies Profile));
  on("PATCH", "/me", () => json({}));
  on("PUT", "/me/password", ({ body }) => {
    if (text(body.new).length < 15) return problem(422, "INVALID", "Not valid", "The password was shorter than 15 characters.");
    return text(body.old) === "wrong" ? problem(403, "FORBIDDEN", "Not allowed", "The old password was not valid.") : json({});
  });
  const secret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";
  const codes = () => Array.from({ length: 10 }, (_, index) => `k7mn-${index}pqr-v3wx-9hjt`.replace(/[01]/gu, "z"));
  on("POST", "/me/totp/start", () => json({ challenge: "tdc_totp", secret, uri: `otpauth://totp/Tradedeck:admin?secret=${secret}&issuer=Tradedeck` }));
  on("POST", "/me/totp/finish", ({ body }) => {
    if (text(body.code) === "000000") return problem(422, "INVALID", "Not valid", "The code is not the one of this moment.", { hint: "Set the clocks of this host and of your device, and type the code shown now." });
    hasTotp = true;
    recovery = 10;
    prove();
    return json({ recovery_codes: codes() });
  });
  on("DELETE", "/me/totp", () => fresh(() => { hasTotp = false; return json({}); }));
  on("POST", "/me/recovery-codes", () => fresh(() => { recovery = 10; return json({ recovery_codes: codes() }); }));

  const sessionOf = (id: string, actor: string, agent: string, address: string, idle: number, more: Partial<OwnSession> = {}): OwnSession => ({ id, user: "usr_mock", actor, role: "admin", method: "password", mfa: true, address, agent, created_at: ago(idle + HOUR), seen_at: ago(idle), expires_at: new Date(Date.now() + 9 * HOUR).toISOString(), current: false, ...more });
  const firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0", phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 Version/19.0 Mobile/15E148 Safari/604.1";
  let mine = [sessionOf("ses_1", "admin", firefox, "127.0.0.1", 0, { current: true, method: "link", mfa: hasTotp }), sessionOf("ses_2", "admin", phone, "10.1.4.22", 12 * 60_000)];
  on("GET", "/me/sessions", () => json({ items: mine }));
  on("DELETE", "/me/sessions", () => { mine = mine.filter((each) => each.current); return json({}); });
  on("DELETE", "/me/sessions/:id", ({ params }) => { mine = mine.filter((each) => each.id !== params.id); return json({}); });

  let sessions = [...mine, sessionOf("ses_3", "risk-mira", "Mozilla/5.0 (Macintosh; Intel Mac OS X 15_5) AppleWebKit/605.1.15 Version/19.0 Safari/605.1.15", "10.1.4.31", 40_000, { role: "risk", user: "usr_2", method: "passkey" }), sessionOf("ses_4", "ole", firefox, "10.1.4.40", 26 * 60_000, { role: "operator", user: "usr_3", mfa: false })];
  on("GET", "/sessions", () => json({ items: sessions }));
  on("DELETE", "/sessions/:id", ({ params }) => { sessions = sessions.filter((each) => each.id !== params.id); return json({}); });
  on("GET", "/sessions/ways", () => json({ password: true, passkey: true, oidc: null }));
  on("GET", "/roles", () => {
    const viewer = ["audit.witness", "export", "read", "self"], operator = [...viewer, "alert.acknowledge", "config.write", "feed.control", "halt.set", "job.run", "kill", "order.control", "trader.control"], risk = [...operator, "audit.read", "config.loosen", "halt.clear", "people.read"];
    return json({ roles: { viewer, operator, risk, admin: [...risk, "people.manage", "token.manage"] }, without_mfa: ["read", "self", "alert.acknowledge", "halt.set", "kill", "order.control", "trader.control"], mfa_roles: ["risk", "admin"] } satisfies RoleTable);
  });
  const personOf = (id: string, name: string, display_name: string, of: PersonView["role"], more: Partial<PersonView> = {}): PersonView => ({ id, name, display_name, kind: "person", role: of, disabled: false, has_password: true, has_totp: false, passkeys: 0, enrolled: false, failed: 0, locked: false, waiting_until: null, seen_at: ago(60_000), created_at: ago(90 * 24 * HOUR), created_by: "host", ...more });
  let people = [
    personOf("usr_mock", "admin", "Ada Lindqvist", "admin", { has_totp: hasTotp, enrolled: hasTotp, seen_at: ago(0) }),
    personOf("usr_5", "metrics", "Prometheus", "viewer", { kind: "service", has_password: false, seen_at: ago(9_000), created_by: "admin" }),
    personOf("usr_3", "ole", "Ole Brandt", "operator", { created_by: "admin" }),
    personOf("usr_4", "paul", "Paul Okafor", "viewer", { disabled: true, seen_at: ago(30 * 24 * HOUR), created_by: "admin" }),
    personOf("usr_2", "risk-mira", "Mira Haas", "risk", { passkeys: 2, has_totp: true, enrolled: true, created_by: "admin" }),
    personOf("usr_6", "tessa", "Tessa Ruiz", "operator", { failed: 9, waiting_until: new Date(Date.now() + 240_000).toISOString(), created_by: "admin" }),
  ];
  const person = (id: string | undefined, change: Partial<PersonView>) => { people = people.map((each) => (each.id === id ? { ...each, ...change } : each)); return json(people.find((each) => each.id === id)); };
  on("GET", "/people", () => json({ items: people }));
  on("POST", "/service-accounts", ({ body }) => fresh(() => { people = [...people, personOf(`usr_n${people.length}`, text(body.name), text(body.name), text(body.role) as PersonView["role"], { kind: "service", has_password: false, seen_at: null, created_at: ago(0), created_by: "admin" })]; return json(people.at(-1), 201); }));
  on("PUT", "/people/:id/role", ({ params, body }) => fresh(() => person(params.id, { role: text(body.role) as PersonView["role"] })));
  on("POST", "/people/:id/disable", ({ params }) => person(params.id, { disabled: true }));
  on("POST", "/people/:id/enable", ({ params }) => fresh(() => person(params.id, { disabled: false })));
  on("POST", "/people/:id/unlock", ({ params }) => fresh(() => person(params.id, { failed: 0, locked: false, waiting_until: null })));
  on("POST", "/people/:id/reset-factors", ({ params }) => fresh(() => person(params.id, { passkeys: 0, has_totp: false, enrolled: false })));
  on("DELETE", "/people/:id/sessions", ({ params }) => { sessions = sessions.filter((each) => each.user !== params.id); return person(params.id, {}); });
  let invitations: InvitationView[] = [{ id: "inv_1", name: "nils", role: "operator", state: "open", created_at: ago(2 * HOUR), created_by: "admin", expires_at: new Date(Date.now() + 70 * HOUR).toISOString() }];
  on("GET", "/invitations", () => json({ items: invitations }));
  on("POST", "/invitations", ({ body }) => fresh(() => {
    const made: InvitationView = { id: `inv_${invitations.length + 1}`, name: text(body.name), role: text(body.role) as InvitationView["role"], state: "open", created_at: ago(0), created_by: "admin", expires_at: new Date(Date.now() + 72 * HOUR).toISOString() };
    invitations = [made, ...invitations];
    return json({ ...made, token: "tdi_mock", path: "/sign-in?invitation=tdi_mockmockmockmockmockmockmockmockmock" }, 201);
  }));
  on("DELETE", "/invitations/:id", ({ params }) => { invitations = invitations.map((each) => (each.id === params.id ? { ...each, state: "revoked" } : each)); return json({}); });

  let tokens: TokenView[] = [
    { id: "tok_1", name: "grafana", role: "viewer", permissions: ["read"], account: "metrics", created_by: "admin", created_at: ago(40 * 24 * HOUR), expires_at: new Date(Date.now() + 50 * 24 * HOUR).toISOString(), seen_at: ago(9_000), revoked_at: null },
    { id: "tok_2", name: "ci", role: "operator", permissions: null, account: null, created_by: "host", created_at: ago(90 * 24 * HOUR), expires_at: ago(60 * 24 * HOUR), seen_at: ago(61 * 24 * HOUR), revoked_at: null },
  ];
  on("GET", "/tokens", () => json({ items: tokens }));
  on("POST", "/tokens", ({ body }) => fresh(() => {
    const made: TokenView = { id: `tok_${tokens.length + 1}`, name: text(body.name), role: text(body.role) as TokenView["role"], permissions: (body.permissions as string[] | null) ?? null, account: null, created_by: "admin", created_at: ago(0), expires_at: new Date(Date.now() + Number(body.days ?? 30) * 24 * HOUR).toISOString(), seen_at: null, revoked_at: null };
    tokens = [made, ...tokens];
    return json({ id: made.id, token: "tdt_mockmockmockmockmockmockmockmockmockmockmoc", name: made.name, role: made.role, expires_at: made.expires_at }, 201);
  }));
  on("DELETE", "/tokens/:id", ({ params }) => { tokens = tokens.map((each) => (each.id === params.id ? { ...each, revoked_at: ago(0) } : each)); return json({}); });
}
