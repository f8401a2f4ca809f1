/**
 * What this browser remembers: language, theme, and the scenes it has made with their secrets; and what this tab
 * remembers of the scene that it shows, so that it goes on after a reload.
 *
 * @typedef {import("./types.js").Scene} Scene
 *
 * @typedef {object} Live The scene of this tab.
 * @property {Scene} scene
 * @property {{last: number, from: number}} [resume] The last number that came, and from where on sound was not heard.
 * @property {{turn: number, ms: number}} [heard] How far the voice had come.
 * @property {{turn: number, item: string}[]} [replies]
 * @property {ReturnType<import("./conversation.js").Conversation["snapshot"]>} [script]
 */

/** More would not be looked at; the server keeps them all. */
const SCENES_KEPT = 20;

/**
 * @param {string} key
 * @returns {any}
 */
export function load(key) {
  try {
    return JSON.parse(localStorage.getItem(`duologue.${key}`) ?? "null");
  } catch {
    return null; // Storage is blocked or was edited by hand: the page works without it.
  }
}

/**
 * @param {string} key
 * @param {unknown} value
 */
export function save(key, value) {
  try {
    localStorage.setItem(`duologue.${key}`, JSON.stringify(value));
  } catch {
    // Storage is blocked or full: only comfort is lost.
  }
}

/** @returns {Scene[]} Newest first. */
export function scenes() {
  const kept = load("scenes");
  return Array.isArray(kept) ? kept.filter((scene) => typeof scene?.id === "string") : [];
}

/** @param {Scene} scene */
export function rememberScene(scene) {
  const others = scenes().filter(({ id }) => id !== scene.id);
  save("scenes", [scene, ...others].slice(0, SCENES_KEPT));
}

/** @param {string} id */
export function forgetScene(id) {
  save("scenes", scenes().filter((scene) => scene.id !== id));
}

/** @returns {Live | null} The scene that this tab showed when it was left. */
export function loadLive() {
  try {
    const live = JSON.parse(sessionStorage.getItem("duologue.live") ?? "null");
    return typeof live?.scene?.id === "string" ? live : null;
  } catch {
    return null; // As above.
  }
}

/** @param {Live | null} live `null` when the scene was left for good. */
export function saveLive(live) {
  try {
    if (live) sessionStorage.setItem("duologue.live", JSON.stringify(live));
    else sessionStorage.removeItem("duologue.live");
  } catch {
    // As above.
  }
}
