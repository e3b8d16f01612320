/* The one way to the API: headers, problem details, idempotency keys. The transport is replaceable
   so that the mock back end can stand in its place. */
import type { Problem } from "./types";

export const API = "/api/v1";
export type Fetch = (input: string, init?: RequestInit) => Promise<Response>;
export const transport: { fetch: Fetch } = { fetch: (input, init) => fetch(input, init) };

export class ApiError extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail ?? problem.title);
    this.name = "ApiError";
  }
  get status() {
    return this.problem.status;
  }
}

export function problemOf(error: unknown): Problem {
  if (error instanceof ApiError) return error.problem;
  const offline = error instanceof TypeError;
  return offline
    ? { title: "The deck does not answer", status: 0, code: "UNREACHABLE", detail: "No answer from the API.", hint: "Is `tradedeck up` still running on the host?" }
    : { title: "Unexpected error", status: 0, code: "CLIENT_ERROR", detail: error instanceof Error ? error.message : String(error) };
}

type Query = Record<string, string | number | boolean | null | undefined>;
export function address(path: string, query: Query = {}): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value != null && value !== "") params.set(name, String(value));
  const text = params.toString();
  return API + path + (text ? `?${text}` : "");
}

async function failure(response: Response): Promise<ApiError> {
  let problem: Partial<Problem> = {};
  try {
    problem = (await response.json()) as Partial<Problem>;
  } catch {
    // A proxy may answer with HTML; the status alone is then all that is known.
  }
  return new ApiError({
    ...problem,
    title: problem.title ?? (response.statusText || "Request failed"),
    status: response.status,
    code: problem.code ?? `HTTP_${response.status}`,
  });
}

let onUnauthorised: () => void = () => undefined;
export const whenUnauthorised = (handler: () => void) => void (onUnauthorised = handler);

export interface Mutation { method?: "POST" | "PUT" | "PATCH" | "DELETE"; body?: unknown; ifMatch?: string | number; idempotencyKey?: string; quiet401?: boolean }

export async function get<T>(path: string, query?: Query, signal?: AbortSignal): Promise<T> {
  const response = await transport.fetch(address(path, query), { headers: { Accept: "application/json" }, credentials: "same-origin", signal });
  if (response.status === 401) onUnauthorised();
  if (!response.ok) throw await failure(response);
  return (await response.json()) as T;
}

export async function send<T>(path: string, { method = "POST", body, ifMatch, idempotencyKey, quiet401 }: Mutation = {}): Promise<T> {
  const headers: Record<string, string> = {
    Accept: "application/json",
    "Content-Type": "application/json",
    "X-Tradedeck-Request": "1",
    "Idempotency-Key": idempotencyKey ?? crypto.randomUUID(),
  };
  if (ifMatch != null) headers["If-Match"] = `"${ifMatch}"`;
  const response = await transport.fetch(API + path, {
    method, headers, credentials: "same-origin", body: body === undefined ? "{}" : JSON.stringify(body),
  });
  if (response.status === 401 && !quiet401) onUnauthorised();
  if (!response.ok) throw await failure(response);
  const text = await response.text();
  return (text ? JSON.parse(text) : {}) as T;
}
