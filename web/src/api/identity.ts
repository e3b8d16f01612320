/* Who somebody is and how they prove it. Secrets are answers of one call: they live in the state of
   the dialog that shows them, never in a query, in storage or in an address. */
import { queryOptions } from "@tanstack/react-query";
import { get, send } from "./http";
import type { Way } from "./stepUp";
import type { Page, Schemas, Session } from "./types";

export type { Way };
export type Profile = Schemas["Profile"];
export type OwnSession = Schemas["OwnSession"];
export type TokenView = Schemas["TokenView"];
export type IssuedToken = Schemas["IssuedToken"];
export type NewToken = Schemas["NewToken"];
export type TotpOffer = Schemas["TotpOffer"];
export type PasskeyView = Schemas["PasskeyView"];
export type PersonView = Schemas["PersonView"];
export type InvitationView = Schemas["InvitationView"];
export type IssuedInvitation = Schemas["IssuedInvitation"];
export type RoleTable = Schemas["RoleTable"];
export type SecondNeeded = Schemas["SecondNeeded"];

const rows = async <T>(path: string, signal?: AbortSignal) => (await get<Page<T>>(path, {}, signal)).items;
export const identityQueries = {
  me: () => queryOptions({ queryKey: ["me"], queryFn: ({ signal }) => get<Profile>("/me", {}, signal), staleTime: 5_000, refetchInterval: 30_000 }),
  mySessions: () => queryOptions({ queryKey: ["me", "sessions"], queryFn: ({ signal }) => rows<OwnSession>("/me/sessions", signal), staleTime: 2_000, refetchInterval: 15_000 }),
  ways: () => queryOptions({ queryKey: ["sign-in-ways"], queryFn: ({ signal }) => get<Schemas["SignInWays"]>("/sessions/ways", {}, signal), staleTime: 60_000, retry: false }),
  people: () => queryOptions({ queryKey: ["people"], queryFn: ({ signal }) => rows<PersonView>("/people", signal), staleTime: 2_000, refetchInterval: 15_000 }),
  invitations: () => queryOptions({ queryKey: ["invitations"], queryFn: ({ signal }) => rows<InvitationView>("/invitations", signal), staleTime: 2_000, refetchInterval: 15_000 }),
  sessions: () => queryOptions({ queryKey: ["sessions"], queryFn: ({ signal }) => rows<OwnSession>("/sessions", signal), staleTime: 2_000, refetchInterval: 15_000 }),
  roles: () => queryOptions({ queryKey: ["roles"], queryFn: ({ signal }) => get<RoleTable>("/roles", {}, signal), staleTime: 600_000 }),
  tokens: () => queryOptions({ queryKey: ["tokens"], queryFn: ({ signal }) => rows<TokenView>("/tokens", signal), staleTime: 2_000, refetchInterval: 15_000 }),
};

export const byLink = (token: string) => send<Session>("/sessions", { body: { token }, quiet401: true });
export const byPassword = (name: string, password: string) =>
  send<Session | SecondNeeded>("/sessions/password", { body: { name: name.trim().toLowerCase(), password }, quiet401: true });
export const bySecond = (challenge: string, way: Way, code: string) => send<Session>("/sessions/second", { body: { challenge, way, code: code.trim() }, quiet401: true });
export const byInvitation = (token: string, display_name: string, password: string) =>
  send<Session>("/sessions/invitation", { body: { token, display_name: display_name.trim(), password }, quiet401: true });
export const isSession = (answer: Session | SecondNeeded): answer is Session => !("challenge" in answer);
export const stepUp = (way: Way, code: string) => send<Session>("/session/step-up", { body: { way, code: code.trim() } });
