/* Passkeys: what the API asks is given to the browser, and what the browser makes of it goes back.
   The private key stays with the device; nothing of it passes here. */
import { ApiError, send } from "./http";
import type { Schemas, Session } from "./types";

type Offer = Schemas["PasskeyOffer"];
type Added = Schemas["PasskeyAdded"];

export const canPasskey = (): boolean => typeof PublicKeyCredential === "function" && typeof PublicKeyCredential.parseRequestOptionsFromJSON === "function";

const refusals: Record<string, string> = {
  InvalidStateError: "This device already holds a passkey of this account.",
  SecurityError: "Passkeys do not work at this address. Open the deck at the address it is set up for, localhost for instance.",
};
/** The browser's own refusal in our words. It tells nobody why on purpose. */
export function left(error: unknown): ApiError {
  const name = error instanceof Error ? error.name : "";
  return new ApiError({
    title: "No passkey was used", status: 400, code: "PASSKEY_LEFT",
    detail: refusals[name] ?? "The browser gave no passkey: it was cancelled, took too long, or none of this account is there.",
    hint: name in refusals ? undefined : "Try again, or choose another way.",
  });
}
async function ask(work: () => Promise<Credential | null>): Promise<unknown> {
  const made = await work().catch((error: unknown) => { throw left(error); });
  if (!(made instanceof PublicKeyCredential)) throw left(null);
  return made.toJSON();
}
const chosen = ({ options }: Offer) =>
  ask(() => navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options as unknown as PublicKeyCredentialRequestOptionsJSON) }));

async function prove(path: string): Promise<Session> {
  const offer = await send<Offer>(`${path}/start`, { quiet401: true });
  return send<Session>(path, { body: { challenge: offer.challenge, credential: await chosen(offer) }, quiet401: true });
}
export const signInByPasskey = () => prove("/sessions/passkey");
export const stepUpByPasskey = () => prove("/session/step-up/passkey");

export async function addPasskey(name: string): Promise<Added> {
  const offer = await send<Offer>("/me/passkeys/start");
  const credential = await ask(() => navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(offer.options as unknown as PublicKeyCredentialCreationOptionsJSON) }));
  return send<Added>("/me/passkeys", { body: { challenge: offer.challenge, credential, name } });
}
