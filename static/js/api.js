/**
 * The server over HTTP. Everything goes to the origin that served the page, nothing anywhere else.
 *
 * @typedef {import("./types.js").Persona} Persona
 * @typedef {import("./types.js").Scene} Scene
 * @typedef {import("./types.js").Language} Language
 */
import { FRAGMENT_TYPE } from "./rtc/sdp.js";
import { profileOf } from "./types.js";

/** A request that failed, with the server's stable code where it gave one. */
export class ApiError extends Error {
  /**
   * @param {string} code `server_down` when there was no answer at all.
   * @param {string} message
   * @param {number} status
   */
  constructor(code, message, status) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

/** How long an answer may take; a local server answers these in milliseconds. */
const PATIENCE_MS = 10_000;

/**
 * @param {string} path
 * @param {RequestInit} [options]
 * @returns {Promise<any>}
 */
async function request(path, options = {}) {
  return (await ask(path, options)).json().catch(() => null);
}

/**
 * @param {string} path
 * @param {RequestInit} options
 */
async function ask(path, options) {
  let answer;
  try {
    answer = await fetch(path, { signal: AbortSignal.timeout(PATIENCE_MS), ...options });
  } catch {
    throw new ApiError("server_down", "", 0);
  }
  if (answer.ok) return answer;
  const error = (await answer.json().catch(() => null))?.error ?? {};
  throw new ApiError(error.code ?? `http_${answer.status}`, error.message ?? answer.statusText, answer.status);
}

/** @returns {Promise<{personas: Persona[], active: string}>} */
export function personas() {
  return request("/personas");
}

/** @returns {Promise<{status: string, version: string, sessions: {open: number, limit: number}, parts: {part: string, engine: string, model: string, state: string, reason?: string}[]}>} */
export function health() {
  return request("/health");
}

/** @returns {Promise<{voices: {id: string, online: boolean}[]}>} */
export function voices() {
  return request("/voice/voices");
}

/**
 * STUN and TURN servers, by scene; not kept beyond the page, since whoever runs the server may change them.
 * @type {Map<string, RTCIceServer[]>}
 */
const iceServers = new Map();

/**
 * By what a call may find its way; the server tells them to who may open the scene.
 * @param {Scene} scene
 * @returns {Promise<RTCIceServer[]>}
 */
export async function iceServersOf(scene) {
  const known = iceServers.get(scene.id);
  if (known) return known;
  // A scene that this page did not make. When the server does not answer, the call itself will say so.
  const view = await request(`/chat/sessions/${encodeURIComponent(scene.id)}`, { headers: secretHeaders(scene) }).catch(() => null);
  const servers = view?.ice_servers ?? [];
  if (view) iceServers.set(scene.id, servers);
  return servers;
}

/**
 * Makes a session; its secret is told only here.
 * @param {Persona} persona
 * @param {Language} language
 * @returns {Promise<Scene>}
 */
export async function startScene(persona, language) {
  const body = JSON.stringify({ persona_id: persona.id, language });
  const made = await request("/chat/sessions", { method: "POST", headers: { "content-type": "application/json" }, body });
  iceServers.set(made.id, made.ice_servers ?? []);
  return {
    id: made.id,
    secret: made.secret,
    personaId: persona.id,
    personaName: profileOf(persona, language).name,
    language,
    startedAt: Date.now(),
  };
}

/**
 * What was said in a scene that this browser has made.
 * @param {Scene} scene
 * @returns {Promise<{id?: string, role: "user" | "assistant", content: string}[]>}
 */
export async function messages(scene) {
  const path = `/chat/sessions/${encodeURIComponent(scene.id)}/messages`;
  const body = await request(path, { headers: secretHeaders(scene) });
  return Array.isArray(body) ? body : (body?.messages ?? []);
}

/**
 * The report of a scene, as a page.
 * @param {Scene} scene
 * @param {Language} language
 */
export async function report(scene, language) {
  const path = `/chat/sessions/${encodeURIComponent(scene.id)}/report?format=html`;
  const answer = await ask(path, { headers: { ...secretHeaders(scene), accept: "text/html", "accept-language": language } });
  return answer.text();
}

/**
 * Removes a scene and all that was said in it from the server.
 * @param {Scene} scene
 */
export function deleteScene(scene) {
  return request(`/chat/sessions/${encodeURIComponent(scene.id)}`, { method: "DELETE", headers: secretHeaders(scene) });
}

/**
 * A browser does not tell why a socket was refused: this asks.
 * @typedef {"gone" | "full" | "unknown"} Refusal
 * @param {Scene} scene
 * @returns {Promise<Refusal>}
 */
export async function whyRefused(scene) {
  try {
    await request(`/chat/sessions/${encodeURIComponent(scene.id)}`, { headers: secretHeaders(scene) });
    const { sessions } = await health();
    return sessions.open >= sessions.limit ? "full" : "unknown";
  } catch (error) {
    return error instanceof ApiError && (error.status === 404 || error.status === 403) ? "gone" : "unknown";
  }
}

/**
 * The address of a scene's socket, and the subprotocols that prove whose it is.
 * @param {Scene} scene
 * @param {number | null} [resume] Asks for what came after this number.
 */
export function socketOf(scene, resume = null) {
  const url = new URL(`/ws/voice/${encodeURIComponent(scene.id)}?audio=binary`, location.href);
  if (resume !== null) url.searchParams.set("resume", String(resume));
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return { url: url.href, protocols: ["realtime", `duologue-secret.${scene.secret}`] };
}

/**
 * Offers a call to the scene.
 * @param {Scene} scene
 * @param {string} sdp
 * @param {number | null} resume Asks for what came after this number.
 * @returns {Promise<{sdp: string, location: string}>} The answer, and where the call is known.
 */
export async function startCall(scene, sdp, resume) {
  const wishes = new URLSearchParams({ session: scene.id });
  if (resume !== null) wishes.set("resume", String(resume));
  const headers = { ...secretHeaders(scene), "content-type": "application/sdp" };
  const answer = await ask(`/v1/realtime/calls?${wishes}`, { method: "POST", headers, body: sdp });
  return { sdp: await answer.text(), location: answer.headers.get("location") ?? "" };
}

/**
 * Tells a call something later than the offer; what it says to that.
 * @param {Scene} scene
 * @param {string} location
 * @param {string} fragment
 */
export async function patchCall(scene, location, fragment) {
  const headers = { ...secretHeaders(scene), "content-type": FRAGMENT_TYPE };
  return (await ask(location, { method: "PATCH", headers, body: fragment })).text();
}

/**
 * Hangs up.
 * @param {Scene} scene
 * @param {string} location
 */
export function endCall(scene, location) {
  return ask(location, { method: "DELETE", headers: secretHeaders(scene), keepalive: true });
}

/** @param {Scene} scene */
function secretHeaders(scene) {
  return { "x-duologue-secret": scene.secret };
}
