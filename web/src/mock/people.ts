/* People of the mock back end. Sentinels: name `second` asks for a second factor, password `wrong`
   and code `000000` are refused, name `busy` finds too many at the door. */
import type { OwnSession, Profile, TokenView } from "~/api/identity";

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
  const everything = ["read", "self", "kill", "people.read", "people.manage", "token.manage", "audit.read"];
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

  on("GET", "/me", () => json({ id: "usr_mock", name: "admin", display_name: "Ada Lindqvist", role, tenant: "main", has_password: true, has_totp: hasTotp, passkeys: [], recovery_codes_left: recovery, needs_mfa: session().needs_mfa, step_up_ways: hasTotp ? ["totp", "recovery", "host"] : ["host"] } satisfies Profile));
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
